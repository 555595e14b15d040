"""Clean copies of damaged shards; the input is never touched, and everything that was changed is listed.

    fix          shards with what can be mended mended, and the rest left out
    quarantine   links to the same shards, with indexes that leave every record with an error out
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dali_ssd.errors import DaliSsdError, DatasetError
from dali_ssd.files import atomic_open
from dali_ssd.records.coordinates import Coordinates
from dali_ssd.records.findings import Finding
from dali_ssd.records.image import read_raster
from dali_ssd.records.index import Index, index_path, write_index
from dali_ssd.records.mend import mend_label
from dali_ssd.records.recordio import Header, frame, frame_at, join, map_shard, pack, unpack
from dali_ssd.records.shard_report import ShardReport
from dali_ssd.records.structure import left_out_path
from dali_ssd.records.writer import ShardFile

__all__ = ["FIX_LIST", "Repaired", "fix", "quarantine"]

FIX_LIST = "fixed.txt"
"""Name of the list of changes that `fix` writes beside the shards."""

_HOPELESS = (
    "bad-header", "bad-label", "not-an-image", "unknown-format", "truncated-image", "undecodable-image",
    "damaged-image", "huge-image",
)  # fmt: skip
"""Kinds of findings that no mending of the label helps against."""


@dataclass
class Repaired:
    """What a repair wrote."""

    paths: list[Path] = field(default_factory=list)
    kept: int = 0
    """Records, mended ones included."""
    mended: int = 0
    dropped: int = 0
    changes: list[str] = field(default_factory=list)
    """One line for each record that was mended or dropped."""


def _targets(reports: Sequence[ShardReport], out: Path) -> list[Path]:
    """Where the repaired shards go. Raises `DaliSsdError` where that would touch anything that is there."""
    targets = [out / report.shard.name for report in reports]
    if len(set(targets)) < len(targets):
        raise DaliSsdError("two shards have the same name; repair them one by one into different folders")
    for target in targets:
        there = [path for path in (target, index_path(target), left_out_path(target)) if path.exists()]
        if there:
            raise DaliSsdError(f"{there[0]} exists already; choose an empty folder, the input is never changed")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DaliSsdError(f"cannot create {out}: {error.strerror}") from error
    return targets


def _reasons(findings: Iterable[Finding], kinds: Sequence[str] | None) -> dict[tuple[Path | None, int | None], str]:
    """Why the record at each (shard, byte offset) cannot stay: by its kind, or by any error for None."""
    reasons: dict[tuple[Path | None, int | None], list[str]] = defaultdict(list)
    for found in findings:
        if found.kind in kinds if kinds is not None else found.severity == "error" or found.kind == "damaged-image":
            reasons[found.place.shard, found.place.offset].append(f"{found.kind}: {found.message}")
    return {place: "; ".join(texts) for place, texts in reasons.items()}


@contextmanager
def _all_or_none(files: list[ShardFile], out: Path) -> Any:
    """Commit all files at the end, or leave nothing."""
    committing = False
    try:
        yield
        for file in files:
            file.close()
        committing = True
        for file in files:
            file.commit()
    except BaseException as error:
        for file in files:
            file.discard(committing)
        if isinstance(error, OSError):
            raise DaliSsdError(f"cannot write to {out}: {error.strerror}") from error
        raise


def fix(
    reports: Sequence[ShardReport],
    findings: Sequence[Finding],
    out: Path,
    coordinates: Coordinates,
    num_classes: int | None,
) -> Repaired:
    """Write clean shards of the same names into `out`, with `fixed.txt`, all of them or none.

    Raises `DaliSsdError` where files are in the way or the disk refuses, `DatasetError` where nothing would be left.
    """
    repaired = Repaired(_targets(reports, out))
    hopeless = _reasons(findings, _HOPELESS)
    files: list[ShardFile] = []
    with _all_or_none(files, out):
        for report, target in zip(reports, repaired.paths, strict=True):
            files.append(ShardFile(target))
            files[-1].open()
            _fix_shard(report, hopeless, files[-1], repaired, (coordinates, num_classes))
        if not repaired.kept:
            raise DatasetError("no record can be kept, so nothing was written")
    lost = [str(found) for found in findings if found.severity == "error" and found.place.key is None]
    with atomic_open(out / FIX_LIST, "w") as file:
        file.writelines(f"{line}\n" for line in [*repaired.changes, *(f"{text}: lost" for text in lost)])
    return repaired


def _fix_shard(
    report: ShardReport,
    hopeless: dict[tuple[Path | None, int | None], str],
    file: ShardFile,
    repaired: Repaired,
    wanted: tuple[Coordinates, int | None],
) -> None:
    keys = [record.key for record in report.records]
    keys = keys if len(set(keys)) == len(keys) else list(range(len(keys)))
    with map_shard(report.shard) as buffer:
        for record, key in zip(report.records, keys, strict=True):
            name = f"{report.shard}, record {record.key}, byte {record.offset}"
            reason = hopeless.get((report.shard, record.offset))
            if reason is not None:
                repaired.dropped += 1
                repaired.changes.append(f"{name}: dropped, {reason}")
                continue
            content, changes = _mend(join(buffer, frame_at(buffer, record.offset, report.shard)), wanted)
            file.write(key, frame(content))
            repaired.kept += 1
            repaired.mended += bool(changes)
            repaired.changes += [f"{name}: {'; '.join(changes)}"] if changes else []


def _mend(record: bytes, wanted: tuple[Coordinates, int | None]) -> tuple[bytes, list[str]]:
    """The record with its label mended, and what was changed."""
    header, image = unpack(record)
    raster = read_raster(image)
    if raster is None:
        raise DatasetError("a record that was checked has changed meanwhile; check the shards again")
    with np.errstate(invalid="ignore"):  # NaN is among what is mended
        label, changes = mend_label(header.label, raster, *wanted)
    return (pack(Header(label, header.id, header.id2), image), changes) if changes else (record, [])


def quarantine(reports: Sequence[ShardReport], findings: Sequence[Finding], out: Path) -> Repaired:
    """Put a link to each shard into `out`, with an index of its good records and a list of what that leaves out.

    Raises `DaliSsdError` where files are in the way or the disk refuses, `DatasetError` where nothing would be left.
    """
    repaired = Repaired(_targets(reports, out))
    reasons = _reasons(findings, None)
    good = [
        [record for record in report.records if (report.shard, record.offset) not in reasons] for report in reports
    ]
    repaired.kept = sum(map(len, good))
    repaired.dropped = sum(len(report.records) for report in reports) - repaired.kept
    if not repaired.kept:
        raise DatasetError("every record has an error, so nothing was written")
    for report, target, records in zip(reports, repaired.paths, good, strict=True):
        entries = sorted((place[1], text) for place, text in reasons.items() if place[0] == report.shard and place[1])
        entries += [(0, reasons[report.shard, 0])] if (report.shard, 0) in reasons else []
        repaired.changes += [f"{report.shard}, byte {offset}: left out, {text}" for offset, text in entries]
        _quarantine_shard(report, target, records, entries)
    return repaired
