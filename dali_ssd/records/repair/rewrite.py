"""`dali-ssd check --fix`: clean copies of damaged shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import CoordinateUnit
from dali_ssd.errors import DaliSsdError, DatasetError
from dali_ssd.records.format.image_header import read_raster
from dali_ssd.records.format.jpeg import without_stray
from dali_ssd.records.format.labels import is_object, split_label
from dali_ssd.records.format.recordio import Header, frame, frame_at, join, map_shard, pack, unpack
from dali_ssd.records.lint.findings import Finding
from dali_ssd.records.lint.shard_report import ShardReport
from dali_ssd.records.repair.labels import mend_label
from dali_ssd.records.repair.output import Repaired, reasons_where, repairing
from dali_ssd.records.writer import ShardFile
from dali_ssd.util.files import atomic_open, new_files

__all__ = ["FIX_LIST", "fix"]

FIX_LIST = "fixed.txt"
"""Name of the list of changes that `fix` writes beside the shards."""


def fix(
    reports: Sequence[ShardReport],
    findings: Sequence[Finding],
    out: Path,
    unit: CoordinateUnit,
    num_classes: int | None,
) -> Repaired:
    """Write clean shards of the same names into `out`, with `fixed.txt`; all files or none.

    Raises `DaliSsdError` if files exist already or writing fails, `DatasetError` if no record would be left.
    """
    unrepairable = reasons_where(findings, lambda found: found.meaning.repair == "drop record")
    with repairing(reports, findings, out, FIX_LIST) as repaired:
        files = [ShardFile(target) for target in repaired.paths]
        with new_files([out / FIX_LIST]), _all_or_none(files, out):
            for report, file in zip(reports, files, strict=True):
                file.open()
                _fix_shard(report, unrepairable.get(report.shard, {}), file, repaired, (unit, num_classes))
            if not repaired.kept:
                raise DatasetError(
                    "no record can be kept, so nothing was written; `dali-ssd check` lists what is wrong with each"
                )
            lost = [f"{found}: lost" for found in findings if found.meaning.repair == "drop bytes"]
            repaired.dropped += len(lost)
            with atomic_open(out / FIX_LIST, "w") as lines:
                lines.writelines(f"{line}\n" for line in [*repaired.changes, *lost])
    return repaired


def _fix_shard(
    report: ShardReport,
    unrepairable: dict[int, str],
    file: ShardFile,
    repaired: Repaired,
    wanted: tuple[CoordinateUnit, int | None],
) -> None:
    keys = [record.key for record in report.records]
    keys = keys if len(set(keys)) == len(keys) else list(range(len(keys)))
    with map_shard(report.shard) as buffer:
        for record, key in zip(report.records, keys, strict=True):
            name = f"{report.shard}, record {record.key}, byte {record.offset}"
            reason = unrepairable.get(record.offset)
            if reason is not None:
                repaired.dropped += 1
                repaired.changes.append(f"{name}: dropped, {reason}")
                continue
            content, changes = _mend(join(buffer, frame_at(buffer, record.offset, report.shard)), wanted)
            if not content:
                repaired.dropped += 1
                repaired.changes.append(f"{name}: dropped, none of its objects can stay; {'; '.join(changes)}")
                continue
            file.write(key, frame(content))
            repaired.kept += 1
            repaired.mended += bool(changes)
            repaired.changes += [f"{name}: {'; '.join(changes)}"] if changes else []


def _mend(record: bytes, wanted: tuple[CoordinateUnit, int | None]) -> tuple[bytes, list[str]]:
    """Return the repaired record and a list of the changes.

    A record that loses all its objects becomes empty bytes: as background it would teach that there are none.
    """
    header, image = unpack(record)
    raster = read_raster(image)
    if raster is None:
        raise DatasetError("a record that was checked has changed meanwhile; check the shards again")
    label, changes = mend_label(header.label, raster, *wanted)
    if _count_objects(label) < min(1, _count_objects(header.label)):
        return b"", changes
    if raster.stray:
        image = without_stray(image)
        changes = [*changes, f"stray bytes taken out of the image's head: {raster.stray}"]
    return (pack(Header(label, header.id, header.id2), image), changes) if changes else (record, [])


def _count_objects(label: NDArray[np.float32]) -> int:
    return int(is_object(split_label(label)[1]).sum())


@contextmanager
def _all_or_none(files: list[ShardFile], out: Path) -> Iterator[None]:
    """Commit all files at the end, or delete them all after an error."""
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
