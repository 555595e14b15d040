"""`dali-ssd check --quarantine`: links to the shards, with indexes that leave bad records out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dali_ssd.errors import DaliSsdError, DatasetError
from dali_ssd.records.format.index import Index, index_path, write_index
from dali_ssd.records.lint.findings import Finding
from dali_ssd.records.lint.framing import left_out_path
from dali_ssd.records.lint.shard_report import RecordFacts, ShardReport
from dali_ssd.records.repair.output import Repaired, outputs, reasons_where, repairing
from dali_ssd.util.files import atomic_open, new_files

__all__ = ["quarantine"]


def quarantine(reports: Sequence[ShardReport], findings: Sequence[Finding], out: Path) -> Repaired:
    """Create a link to each shard in `out`, with an index of its good records and a list of the others; all or none.

    Raises `DaliSsdError` if files exist already or writing fails, `DatasetError` if no record would be left.
    """
    reasons = reasons_where(findings, _unfit)
    good = [[r for r in report.records if r.offset not in reasons.get(report.shard, {})] for report in reports]
    kept = sum(map(len, good))
    if not kept:
        raise DatasetError("every record has an error, so nothing was written; `dali-ssd check` lists them")
    with repairing(reports, findings, out) as repaired:
        repaired.kept, repaired.dropped = kept, sum(len(reasons.get(report.shard, {})) for report in reports)
        with new_files(path for target in repaired.paths for path in outputs(target)):
            for report, target, records in zip(reports, repaired.paths, good, strict=True):
                left_out = reasons.get(report.shard, {})
                repaired.changes += [f"{report.shard}, byte {at}: left out, {left_out[at]}" for at in sorted(left_out)]
                _write(report.shard, target, records, left_out)
    return repaired


def _write(shard: Path, target: Path, records: Sequence[RecordFacts], left_out: dict[int, str]) -> None:
    """Write list, index and link of one shard; the link comes last, so that no shard is there without its index."""
    keys = np.array([record.key for record in records], np.int64)
    keys = keys if len(np.unique(keys)) == len(keys) else np.arange(len(keys))
    with atomic_open(left_out_path(target), "w") as file:
        file.writelines(f"{at}\t{left_out[at]}\n" for at in sorted(left_out))
    write_index(index_path(target), Index(keys, np.array([record.offset for record in records], np.int64)))
    try:
        target.symlink_to(shard.resolve())
    except OSError as error:
        raise DaliSsdError(f"cannot link {target} to {shard}: {error.strerror}") from error


def _unfit(found: Finding) -> bool:
    """Return whether a finding makes a record unfit; faults of the index do not, since it is written anew."""
    meaning = found.meaning
    return (meaning.severity == "error" and meaning.part != "index") or meaning.repair == "drop record"
