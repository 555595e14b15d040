"""The result of inspecting one shard, kept in the cache folder."""

from __future__ import annotations

import json
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import DatasetError, RecordLocation
from dali_ssd.records.dataset import Part
from dali_ssd.records.format.index import index_path
from dali_ssd.records.format.recordio import frame_at, join, map_shard
from dali_ssd.records.lint.content import Content, LabelUnit, check_record
from dali_ssd.records.lint.findings import KINDS, Finding, from_json, to_json
from dali_ssd.records.lint.framing import Structure, left_out_path
from dali_ssd.util.files import atomic_open, cache_folder, caching, file_identity
from dali_ssd.util.parallel import ordered_map
from dali_ssd.util.progress import track
from dali_ssd.util.words import first_few

__all__ = [
    "RecordFacts",
    "ShardReport",
    "Task",
    "inspect_records",
    "read_report",
    "report_identity",
    "report_path",
    "require_any_record",
    "tasks_of",
    "write_report",
]

_FORMAT = 10
"""Increased whenever the content of reports or the checks change, so that older cached reports are not used."""
_TASK = 256
"""Records checked per task."""

Task = tuple[Path, tuple[tuple[int, int], ...]]
"""A shard, and the (byte offset, key) of some of its records."""


@dataclass(frozen=True)
class RecordFacts:
    """The facts about a record that its shard's report keeps."""

    offset: int
    key: int
    unit: LabelUnit
    top_class: int
    """Largest class id, -1 without objects."""
    objects: int
    """Objects with a proper class id and an area inside the image: those to train on and to find."""
    difficult: int
    """Number of these that are marked difficult, which scores do not count."""
    image: str
    """Format and channels if not a color JPEG."""
    pixels: int
    label: int
    """CRC-32 of the label vector."""
    progressive: bool
    """Whether the image is a progressive JPEG."""


@dataclass(frozen=True)
class ShardReport:
    """The records that a shard's index lists, and findings on shard, index and records."""

    shard: Path
    size: int
    """Bytes."""
    records: tuple[RecordFacts, ...]
    findings: tuple[Finding, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the shard has neither a record nor damage."""
        return any(found.kind == "empty-shard" for found in self.findings)

    def part(self) -> Part:
        """Return the shard's part of a dataset."""
        return Part(self.shard, self.size, self._column("key"), self._column("offset"))

    def _column(self, name: str) -> NDArray[np.int64]:
        return np.array([getattr(record, name) for record in self.records], np.int64)


def tasks_of(shard: Path, records: Sequence[tuple[int, int]], size: int = _TASK) -> list[Task]:
    """Return the records (byte offset, key) of a shard in portions of `size`."""
    return [(shard, tuple(records[start : start + size])) for start in range(0, len(records), size)]


def inspect_records(structures: Sequence[Structure], workers: int = 1) -> Iterator[ShardReport]:
    """Check the records of shards whose framing is known. Raises `DatasetError` if a shard cannot be read."""
    tasks = [tasks_of(one.shard, list(one.listed())) for one in structures]
    count = sum(map(len, tasks))
    # Starting a process takes as long as checking about 8,000 records.
    looked = _progress(ordered_map(_look_into, [task for some in tasks for task in some], workers, worth=32), count)
    for structure, some in zip(structures, tasks, strict=True):
        facts: list[RecordFacts] = []
        findings = list(structure.findings)
        for some_facts, some_findings in islice(looked, len(some)):
            facts += some_facts
            findings += some_findings
        yield ShardReport(structure.shard, structure.shard.stat().st_size, tuple(facts), tuple(findings))
    deque(looked, maxlen=0)  # ends the progress bar and the processes


def require_any_record(reports: Sequence[ShardReport]) -> None:
    """Raise `DatasetError` if all shards are empty, without records or findings on damage."""
    if reports and all(report.is_empty for report in reports):
        shards = ", ".join(first_few([report.shard for report in reports], "shard"))
        size = sum(report.size for report in reports)
        raise DatasetError(f"no records in {shards}: {size} bytes in all; write them again, or give other shards")


def report_identity(shard: Path) -> str:
    """Return text that changes with the shard, its index and its list of left-out records. Raises `DatasetError`."""
    try:
        parts = [file_identity(shard)]
    except OSError as error:
        raise DatasetError(f"cannot read {shard}: {error.strerror}") from error
    beside = (index_path(shard), left_out_path(shard))
    parts += [file_identity(path) if path.exists() else "none" for path in beside]
    kinds = zlib.crc32(repr(list(KINDS)).encode())  # a report from before a kind was added lacks it
    return f"{_FORMAT}-{kinds:08x}-" + "-".join(part[:24] for part in parts)


def report_path(shard: Path, cache_dir: str | Path | None = None) -> Path:
    """Return the path of the report of a shard as it is now. Raises `DatasetError` if either cannot be read."""
    return cache_folder(cache_dir, "reports") / f"{report_identity(shard)}.json"


def write_report(report: ShardReport, path: Path) -> None:
    """Write a report to the cache."""
    with caching(), atomic_open(path, "w") as file:
        json.dump(_to_json(report), file)


def read_report(path: Path, shard: Path) -> ShardReport | None:
    """Read a cached report; return None if there is none or it is damaged, so that it is made again."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        records = tuple(RecordFacts(*cast("Sequence[Any]", row)) for row in data["records"])
        return ShardReport(shard, data["size"], records, tuple(from_json(entry, shard) for entry in data["findings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _facts(offset: int, key: int, content: Content) -> RecordFacts:
    objects = (content.unit, content.top_class, content.objects, content.difficult)
    return RecordFacts(offset, key, *objects, content.image, content.pixels, content.label, content.progressive)


def _look_into(task: Task) -> tuple[list[RecordFacts], list[Finding]]:
    shard, records = task
    facts, findings = [], []
    with map_shard(shard) as buffer:
        for offset, key in records:
            content = check_record(join(buffer, frame_at(buffer, offset, shard)), RecordLocation(shard, key, offset))
            facts.append(_facts(offset, key, content))
            findings += content.findings
    return facts, findings


def _progress(results: Iterator[Any], total: int) -> Iterator[Any]:
    return iter(track(results, f"checking records ({_TASK} a step)", total)) if total > 8 else results


def _to_json(report: ShardReport) -> dict[str, Any]:
    records = [list(vars(record).values()) for record in report.records]  # `astuple` takes twenty times as long
    return {"size": report.size, "records": records, "findings": [to_json(found) for found in report.findings]}
