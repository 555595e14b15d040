"""Decoding of every image by DALI, the decoder of training.

One image that cannot be decoded ends a whole DALI pipeline, and some bytes that are no image at all make DALI 2.4
crash. So it decodes in a separate process, which is started again after the image that it failed on.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dali_ssd.errors import DatasetError
from dali_ssd.records.dataset import Dataset
from dali_ssd.records.lint.findings import Finding, finding, from_json, to_json
from dali_ssd.records.lint.shard_report import report_identity
from dali_ssd.util.files import atomic_open, cache_folder, caching
from dali_ssd.util.optional import require
from dali_ssd.util.progress import Progress
from dali_ssd.util.turns import one_at_a_time

__all__ = ["decode_findings", "undecodable"]

_WORKER = ("-m", "dali_ssd.records.decode.dali_worker")
_BATCH = 64
_TIMEOUT_S = 120.0
"""Seconds without output after which the decoding process is killed; the largest images take ten."""


def undecodable(dataset: Dataset, numbers: Sequence[int]) -> dict[int, str]:
    """Return which of the given records DALI cannot decode, and why. Raises `MissingDependencyError` without DALI."""
    require("nvidia.dali")
    places = [dataset.place(number) for number in numbers]
    items = [(str(place.shard), place.offset or 0) for place in places]
    failed: dict[int, str] = {}
    todo = [(0, len(items), _BATCH)] if items else []
    with Progress("decoding", len(items)) as progress:
        while todo:
            low, high, batch = todo.pop()
            run = _Run()
            run.watch(_start(items[low:high], batch), progress)
            failed |= {low + number: why for number, why in run.failed.items()}
            if run.open is not None:
                first, end = low + run.open[0], low + run.open[1]
                todo += [(end, high, batch)] if end < high else []
                if end - first > 1:
                    todo.append((first, end, 1))
                else:
                    failed[first] = "the decoder crashes on it"
    return {numbers[at]: failed[at] for at in sorted(failed)}


def decode_findings(
    dataset: Dataset, numbers: Sequence[int], *, cached: bool = True, cache_dir: str | Path | None = None
) -> list[Finding]:
    """Return a finding for each of the given records that DALI cannot decode.

    `cached`: read and write findings in the cache folder, per shard. Raises `MissingDependencyError` without DALI.
    """
    if not cached:
        return [_finding(dataset, number, why) for number, why in undecodable(dataset, numbers).items()]
    known, unknown = _earlier(dataset, numbers, cache_dir)
    if not unknown:
        return known
    with one_at_a_time(cache_folder(cache_dir), "decoding the images of these shards", dataset.shards):
        more, unknown = _earlier(dataset, unknown, cache_dir)  # another process may have been here
        return [*known, *more, *_decode_and_keep(dataset, unknown, cache_dir)]


def _earlier(dataset: Dataset, numbers: Sequence[int], cache_dir: str | Path | None) -> tuple[list[Finding], list[int]]:
    """Return the cached findings on the given records, and those of the records that none are cached for."""
    known: list[Finding] = []
    unknown: list[int] = []
    for shard, some in _by_shard(dataset, numbers).items():
        found = _read(dataset.shards[shard], cache_dir, _offsets(dataset, shard, some))
        known += found or []
        unknown += some if found is None else []
    return known, unknown


def _decode_and_keep(dataset: Dataset, numbers: Sequence[int], cache_dir: str | Path | None) -> list[Finding]:
    """Return a finding for each of the given records that DALI cannot decode, and write them to the cache."""
    failed = undecodable(dataset, numbers) if numbers else {}
    kept: list[Finding] = []
    for shard, some in _by_shard(dataset, numbers).items():
        found = [_finding(dataset, i, failed[i]) for i in some if i in failed]
        _write(_cache(dataset.shards[shard], cache_dir), _offsets(dataset, shard, some), found)
        kept += found
    return kept


def _by_shard(dataset: Dataset, numbers: Sequence[int]) -> dict[int, list[int]]:
    """Return the records of each shard, in the order of the shards."""
    found: dict[int, list[int]] = {}
    for number in sorted(numbers):
        found.setdefault(dataset.shard_of(int(dataset.offsets[number])), []).append(number)
    return found


def _finding(dataset: Dataset, number: int, why: str) -> Finding:
    return finding("undecodable-image", dataset.place(number), f"DALI: {why}")


def _offsets(dataset: Dataset, shard: int, numbers: Sequence[int]) -> list[int]:
    return [int(dataset.offsets[number] - dataset.starts[shard]) for number in numbers]


def _cache(shard: Path, cache_dir: str | Path | None) -> Path:
    return cache_folder(cache_dir, "decoded") / f"{report_identity(shard)}.json"


def _read(shard: Path, cache_dir: str | Path | None, offsets: list[int]) -> list[Finding] | None:
    """Read the cached findings on the same records; return None if there are none or the file is damaged."""
    try:
        data = json.loads(_cache(shard, cache_dir).read_text(encoding="utf-8"))
        return [from_json(entry, shard) for entry in data["findings"]] if data["offsets"] == offsets else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, offsets: list[int], findings: list[Finding]) -> None:
    with caching(), atomic_open(path, "w") as file:
        json.dump({"offsets": offsets, "findings": [to_json(found) for found in findings]}, file)


def _lines(process: subprocess.Popen[bytes]) -> Iterator[list[Any]]:
    """Yield the messages of the process until it ends or times out."""
    assert process.stdout is not None  # asked for when it was started
    rest = b""
    while select.select([process.stdout], [], [], _TIMEOUT_S)[0]:
        data = os.read(process.stdout.fileno(), 1 << 16)
        if not data:
            return
        *complete, rest = (rest + data).split(b"\n")
        yield from map(json.loads, complete)


def _start(items: Sequence[tuple[str, int]], batch: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, *_WORKER, str(batch)]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, env=environment)
    assert process.stdin is not None  # asked for above
    try:
        with process.stdin:
            process.stdin.write(json.dumps(items).encode())
    except BrokenPipeError:
        pass  # it died at once; `watch` reports its exit code
    return process


class _Run:
    """The results of one decoding process."""

    def __init__(self) -> None:
        self.failed: dict[int, str] = {}
        self.open: tuple[int, int] | None = None
        """First and end of the batch that the process died in; None if it did not."""

    def watch(self, process: subprocess.Popen[bytes], progress: Progress) -> None:
        begun = ended = False
        with process:
            try:
                for word, *values in _lines(process):
                    if word in ("begin", "end") and self.open is not None:
                        progress.advance(self.open[1] - self.open[0])
                    if word == "begin":
                        self.open, begun = (values[0], values[1]), True
                    elif word == "bad":
                        self.failed[values[0]] = values[1]
                    elif word == "error":
                        raise DatasetError(values[0])
                    ended = ended or word == "end"
            finally:
                process.kill()
        if ended:
            self.open = None
        elif not begun:
            raise DatasetError(
                f"the process that decodes images died with code {process.returncode} before it began; "
                f"does `{sys.executable} -c 'import nvidia.dali'` work?"
            )
