"""The process that meets the damaged shards, so that its crash is a result: `python -m tests.fuzz.child`.

It takes one request a line, a JSON list of a task's name and a folder, and answers each by a JSON line: the outcome,
and this process's peak of memory in MB. Outcomes:

    refused   there is no loader, but an error of `dali_ssd.errors`
    loaded    batches with finite values in range, to the end of the epoch
    fixed, kept   a repaired shard without a fault, which has lost no good record
    named     likewise, until a `RecordError` named the record whose image cannot be decoded
    failed    anything else, with what happened
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from dali_ssd import TrainLoader, ValLoader
from dali_ssd.config import CoordinateUnit
from dali_ssd.errors import DaliSsdError, DatasetError, RecordError, RecordLocation
from dali_ssd.records import diagnose as damage
from dali_ssd.records.check import check
from dali_ssd.records.dataset import Dataset, open_dataset
from dali_ssd.records.decode.dali_worker import _Decoder
from dali_ssd.records.format.labels import MAX_COORDINATE
from dali_ssd.records.format.recordio import read_record
from dali_ssd.records.options import CheckConfig
from dali_ssd.records.repair.quarantine import quarantine
from dali_ssd.records.repair.rewrite import fix
from tests.fuzz.label_vectors import count_objects
from tests.support.loaders import FRAMEWORK, as_numpy
from tests.support.pipes import ANCHORS

SIDE = 64
HEADROOM = 4 << 30
"""Bytes of address space beyond those at the start: asking for more fails, and the machine keeps its memory."""

_NO_FAULTS = {"nothing-to-learn", "nothing-to-count"}
"""Findings about a set of records without a fault: no repair helps."""

_OPTIONS: dict[str, Any] = {"data_shape": SIDE, "num_threads": 1, "prefetch": 1, "framework": FRAMEWORK}


def _train(shards: Any, **options: Any) -> TrainLoader:
    return TrainLoader(shards, anchors=ANCHORS, batch_size=2, initial_fill=4, **_OPTIONS, **options)


def _val(shards: Any, **options: Any) -> ValLoader:
    return ValLoader(shards, batch_size=2, **_OPTIONS, **options)


_LOADERS: tuple[Callable[..., TrainLoader | ValLoader], ...] = (_train, _val)


def _within(array: npt.NDArray[Any], low: float, high: float) -> None:
    assert np.isfinite(array).all(), "a value is not finite"
    assert array.size == 0 or (array.min() >= low and array.max() <= high), f"{array.min()} to {array.max()}"


def _look_at(batch: Any) -> None:
    _within(as_numpy(batch.data[0]), -30, 30)  # colors are not clipped: brightness, contrast and saturation add up
    if hasattr(batch, "labels"):
        _within(as_numpy(batch.labels[0]), -MAX_COORDINATE * SIDE, MAX_COORDINATE * SIDE)  # not clipped either
        return
    classes = as_numpy(batch.cls_targets[0])
    _within(classes, 0, 2**24 + 1)
    assert (classes == np.floor(classes)).all()
    _within(as_numpy(batch.box_targets[0]), -1000, 1000)


def _load(make: Callable[[], Any]) -> str:
    try:
        loader = make()
    except DaliSsdError:
        return "refused"
    with loader:
        try:
            for batch in loader:
                _look_at(batch)
        except RecordError:
            return "named"
    return "loaded"


def _undecodable_here(dataset: Dataset, numbers: Sequence[int]) -> dict[int, str]:
    """Return what `decode.dali.undecodable` does, without the separate process, which takes a second to start."""
    decoder = _Decoder(1)
    faults = {number: decoder.fault([dataset.read(number)[1]]) for number in numbers}
    return {number: why for number, why in faults.items() if why is not None}


def _structure(shard: Path) -> Iterator[str]:
    """Check, training and validation of one shard: check has a finding on all that a loader refuses."""
    try:
        found: Sequence[object] = check(CheckConfig((str(shard),), workers=1)).findings
    except DatasetError as error:  # an empty shard: loaders refuse it with the same words
        found = [error]
    for make in _LOADERS:
        outcome = _load(partial(make, shard))
        assert outcome != "refused" or found, "check has nothing to say about a shard that the loader refuses"
        yield outcome


def _has_errors(shard: Path, coordinates: CoordinateUnit) -> bool:
    return check(CheckConfig((str(shard),), workers=1, coordinates=coordinates)).count("error") > 0


def _agreed(shard: Path) -> tuple[str, str]:
    """Training and validation of a shard with good framing: check finds the same, and no fault appears later."""
    train, val = _structure(shard)
    assert "named" not in (train, val), "a record got through that cannot be decoded"
    errors = [_has_errors(shard, coordinates) for coordinates in get_args(CoordinateUnit)]
    if val == "refused":
        assert all(errors), "check calls clean what is refused"
    else:
        assert not all(errors), "check finds an error in what is read"
    return train, val


def _heads(shard: Path) -> Iterator[str]:
    """JPEGs with a damaged head and good labels: what is not refused is decoded."""
    train, val = _agreed(shard)
    assert train == val, "training and validation do not agree"
    yield train


def _labels(shard: Path) -> Iterator[str]:
    """Labels of good images: check, training and validation agree, and no object is lost."""
    train, val = _agreed(shard)
    yield train
    yield val
    if val == "refused":
        assert train == "refused", "training takes what validation refuses"
        return
    with _val(shard) as loader:
        in_pixels = loader.report.unit == "pixel"
        given = [int((label[:, 4] >= 0).sum()) for batch in loader for label in as_numpy(batch.labels[0])]
    wanted, learned = zip(*_count(open_dataset(shard), in_pixels), strict=True)
    assert given == list(wanted), f"{given} objects instead of {wanted}"
    assert train == ("loaded" if any(learned) else "refused"), f"there are {sum(learned)} objects to learn"


def _count(dataset: Dataset, in_pixels: bool) -> Iterator[tuple[int, int]]:
    for number in range(len(dataset)):
        header, image = dataset.read(number)
        yield count_objects(header.label, Image.open(io.BytesIO(image)).size if in_pixels else (1, 1))


def _decoded(folder: Path) -> Iterator[str]:
    """All shards of a folder at once without their bad records: no error names a record later."""
    shards = sorted(folder.glob("*.rec"))
    assert check(CheckConfig(tuple(map(str, shards)), decode=True, workers=1)).exit_code in (0, 1)
    for make in _LOADERS:
        outcome = _load(partial(make, shards, on_bad="skip", max_bad=1, coordinates="fraction"))
        assert outcome != "named", "a record got through that cannot be decoded"
        yield outcome


def _repaired(shard: Path) -> Iterator[str]:
    """Check and repair: the output is clean, and has each record without findings, byte for byte."""
    for coordinates in get_args(CoordinateUnit):
        out = shard.parent / coordinates
        options = {"coordinates": coordinates, "fix": out / "fixed", "quarantine": out / "kept"}
        try:
            checked = check(CheckConfig((str(shard),), workers=1, **options))
        except DatasetError:
            assert shard.stat().st_size == 0, "an empty shard alone is refused"
            yield "empty"
            continue
        assert checked.exit_code in (0, 1) and json.dumps(checked.as_json())
        blamed = {f.place.offset for f in checked.findings if f.severity != "note" and f.kind != "unindexed"}
        (report,) = checked.reports
        clean = [read_record(shard, facts.offset) for facts in report.records if facts.offset not in blamed]
        for folder, allowed in ((out / "fixed", {"note"}), (out / "kept", {"note", "warning"})):
            try:
                if folder.name == "fixed":
                    fix(checked.reports, checked.findings, folder, coordinates, None)
                else:
                    quarantine(checked.reports, checked.findings, folder)
            except DatasetError:
                assert not clean, "good records, and nothing was kept"
                yield f"{folder.name} nothing"
                continue
            _compare(folder / shard.name, clean, coordinates, allowed)
            yield folder.name


def _compare(shard: Path, clean: Sequence[bytes], coordinates: CoordinateUnit, allowed: set[str]) -> None:
    again = check(CheckConfig((str(shard),), workers=1, coordinates=coordinates))
    left = {found.severity for found in again.findings if found.kind not in _NO_FAULTS}
    assert left <= allowed, "what was repaired is not clean"
    dataset = open_dataset(shard)
    assert len(dataset) == again.records
    kept = iter([read_record(*_where(dataset.place(number))) for number in range(len(dataset))])
    assert all(record in kept for record in clean), "a good record was lost or changed"  # in the same order


def _where(place: RecordLocation) -> tuple[Path, int]:
    assert place.shard is not None and place.offset is not None
    return place.shard, place.offset


_TASKS: dict[str, Callable[[Path], Iterator[str]]] = {
    "structure": lambda folder: _structure(folder / "a.rec"),
    "heads": lambda folder: _heads(folder / "a.rec"),
    "labels": lambda folder: _labels(folder / "a.rec"),
    "decoded": _decoded,
    "repaired": lambda folder: _repaired(folder / "a.rec"),
}


def _answer(task: str, folder: Path) -> tuple[str, str]:
    os.environ["DALI_SSD_CACHE"] = str(folder / "cache")
    try:
        return "+".join(_TASKS[task](folder)), ""
    except Exception:
        return "failed", traceback.format_exc()


def _peak_mb() -> int:
    """This process's memory at its highest, in MB; `ru_maxrss` begins with what the parent had when it started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) >> 10


def main() -> None:
    """Answer requests until there are no more. What libraries print goes to stderr."""
    os.setpgid(0, 0)  # whoever kills this process can reach those that it starts
    damage.undecodable = _undecodable_here  # type: ignore[attr-defined]  # it is imported there
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + HEADROOM, resource.RLIM_INFINITY))
    for line in sys.stdin:
        task, folder = json.loads(line)
        outcome, why = _answer(task, Path(folder))
        peak = _peak_mb()
        print(json.dumps([outcome, why, peak]), file=answers, flush=True)


if __name__ == "__main__":
    main()
