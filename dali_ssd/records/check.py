"""The whole check of some shards, from the modules beside this one.

structure.py   framing and index                     every whole record, and what is between them
content.py     header, label, head of the image      one record at a time
               (both kept by shard_report.py)
coordinates.py fractions or pixels                   all records together
pixels.py      every pixel by OpenCV                 on demand
decoding.py    every pixel by DALI                   on demand, where DALI is installed
fix.py, quarantine.py                                what to do about it
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dali_ssd.errors import ConfigError, DatasetError, MissingDependencyError, Place
from dali_ssd.parallel import ordered_map
from dali_ssd.progress import track
from dali_ssd.records.classes import CLASSES_FILE, find_classes, read_classes
from dali_ssd.records.dataset import concatenate, expand_paths
from dali_ssd.records.decoding import undecodable
from dali_ssd.records.findings import Finding, finding, to_json, worst_first
from dali_ssd.records.label_findings import class_findings, coordinate_findings
from dali_ssd.records.options import CheckConfig
from dali_ssd.records.pixels import decode_task
from dali_ssd.records.shard_report import ShardReport, Task, inspect_records, require_any_record, tasks_of
from dali_ssd.records.structure import Structure, shard_structure

__all__ = ["Checked", "check"]


@dataclass(frozen=True)
class Checked:
    """What a check found."""

    reports: tuple[ShardReport, ...]
    """Shards that could be read."""
    findings: tuple[Finding, ...]
    num_classes: int | None

    @property
    def records(self) -> int:
        """Records that were looked into."""
        return sum(len(report.records) for report in self.reports)

    @property
    def exit_code(self) -> int:
        """0: nothing but notes; 1: errors or warnings; 2: a shard cannot be read."""
        if self.count("unreadable"):
            return 2
        return int(any(found.severity != "note" for found in self.findings))

    def count(self, what: str) -> int:
        """Number of findings of a kind or severity."""
        return sum(what in (found.kind, found.severity) for found in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "shards": [str(report.shard) for report in self.reports],
            "records": self.records,
            **{f"{severity}s": self.count(severity) for severity in ("error", "warning", "note")},
            "kinds": {
                kind: {"severity": some[0].severity, "count": len(some), "advice": some[0].advice}
                for kind, some in worst_first(self.findings).items()
            },
            "findings": [to_json(found) for found in self.findings],
        }


def _num_classes(spec: str, shards: Sequence[Path]) -> int | None:
    """Number of classes: as given, else by the `classes.txt` beside the shards, None without."""
    if spec.isascii() and spec.isdigit():
        if int(spec[:9]) < 1:
            raise ConfigError(f"the number of classes must be at least 1, not {spec}")
        return int(spec[:9])
    if spec:
        return len(read_classes(spec))
    beside = all((shard.parent / CLASSES_FILE).is_file() for shard in shards)
    return len(find_classes(shards)) if beside else None


def _structures(shards: Sequence[Path], adopt: bool) -> Iterator[Structure | Finding]:
    for shard in track(shards, "reading shards", len(shards)) if len(shards) > 1 else shards:
        try:
            structure = shard_structure(shard)
        except DatasetError as error:
            yield finding("unreadable", Place(shard), str(error))
            continue
        if adopt:
            structure.adopt()
        yield structure


def _unusual_images(reports: Sequence[ShardReport]) -> Iterator[Finding]:
    """One note for each unusual format, with the place of the first."""
    first: dict[str, Place] = {}
    counts: dict[str, int] = {}
    for report in reports:
        for facts in report.records:
            if facts.image:
                first.setdefault(facts.image, Place(report.shard, facts.key, facts.offset))
                counts[facts.image] = counts.get(facts.image, 0) + 1
    for image, place in first.items():
        yield finding("unusual-image", place, f"{counts[image]} images are {image}, this is the first")


_NOT_DECODED = (
    *("not-an-image", "unknown-format", "huge-image", "bad-header", "truncated-image", "undecodable-image"),
    "stray-bytes",  # a repair takes them out
)
"""Findings that are enough; decoding would add nothing, or take the machine's memory."""


def _decodable(reports: Sequence[ShardReport]) -> list[tuple[ShardReport, list[tuple[int, int]]]]:
    """(byte offset, key) of each record whose image is worth decoding."""
    result = []
    for report in reports:
        hopeless = {found.place.offset for found in report.findings if found.kind in _NOT_DECODED}
        result.append((report, [(r.offset, r.key) for r in report.records if r.offset not in hopeless]))
    return result


def _decode(reports: Sequence[ShardReport], workers: int) -> list[Finding]:
    """Findings on all pixels: by OpenCV, which tells of damage inside, then by DALI where it is installed."""
    tasks: list[Task] = [task for report, some in _decodable(reports) for task in tasks_of(report.shard, some, 16)]
    results = ordered_map(decode_task, tasks, workers, isolated=True, worth=8)  # half a second of decoding
    findings = [found for some in track(results, "decoding (16 images a step)", len(tasks)) for found in some]
    return findings + _decode_by_dali(reports, findings)


def _decode_by_dali(reports: Sequence[ShardReport], findings: Sequence[Finding]) -> list[Finding]:
    bad = {(f.place.shard, f.place.offset) for f in findings if f.severity == "error"}
    bad |= {(f.place.shard, f.place.offset) for r in reports for f in r.findings if f.kind in _NOT_DECODED}
    dataset = concatenate([report.part() for report in reports])
    places = [dataset.place(i) for i in range(len(dataset))]
    good = [i for i, place in enumerate(places) if (place.shard, place.offset) not in bad]
    try:
        failed = undecodable(dataset, good)
    except MissingDependencyError:  # shards can be checked on a machine that does not train
        return []
    return [finding("undecodable-image", places[i], f"DALI: {why}") for i, why in failed.items()]


def check(config: CheckConfig) -> Checked:
    """All findings on some shards.

    Raises `DatasetError` if a path means no shard or all shards are empty, `ConfigError` on bad classes.
    """
    shards = expand_paths(config.shards)
    num_classes = _num_classes(config.classes, shards)
    read = list(_structures(shards, adopt=config.fix is not None or config.quarantine is not None))
    findings = [item for item in read if isinstance(item, Finding)]
    reports = tuple(inspect_records([item for item in read if isinstance(item, Structure)], config.workers))
    if len(reports) == len(read):
        require_any_record(reports)
    findings += [found for report in reports for found in report.findings]
    findings += coordinate_findings(reports, config.coordinates)
    findings += class_findings(reports, num_classes)
    findings += _unusual_images(reports)
    if config.decode:
        findings += _decode(reports, config.workers)
    return Checked(reports, tuple(findings), num_classes)
