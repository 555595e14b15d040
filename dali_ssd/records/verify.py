"""What loaders ask before an epoch: which records are good, what is wrong with the rest, what the coordinates mean.

Each shard is looked through once; what was found is kept in the cache folder until the shard changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import DatasetError, RecordError
from dali_ssd.files import atomic_open, cache_folder
from dali_ssd.records.coordinates import Coordinates, resolve_coordinates
from dali_ssd.records.dataset import Dataset, Paths, concatenate, expand_paths
from dali_ssd.records.decoding import decode_findings
from dali_ssd.records.findings import Finding
from dali_ssd.records.index import ensure_index, index_path
from dali_ssd.records.label_findings import class_findings, coordinate_findings, scales_of
from dali_ssd.records.shard_report import RecordFacts, ShardReport, cached_report, require_any_record

__all__ = ["Verified", "verify"]

_NAMED = 50
"""Faulty records that an error names itself; where there are more, it names the file that lists all."""


@dataclass(frozen=True, eq=False)
class Verified:
    """A dataset that was looked through."""

    dataset: Dataset
    """Every whole record that the indexes list, good or bad."""
    findings: tuple[Finding, ...]
    coordinates: Coordinates
    """What the boxes of the labels mean."""
    labels: str
    """Digest of all labels, good or bad."""
    mean_pixels: float
    """Pixels of an image, width times height; the mean over those whose size could be read."""
    progressive: float
    """Share of the records that are progressive JPEGs, 0 to 1."""
    has_objects: NDArray[np.bool_]
    """(len(dataset),) bool: the records with an object at least that has an area."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that forbid using what they are about."""
        return tuple(found for found in self.findings if found.severity == "error")

    @property
    def bad(self) -> tuple[int, ...]:
        """Numbers of the records of `dataset` that have errors, ascending; an index's faults are not the record's."""
        about_records = (found for found in self.errors if not found.kind.startswith("index-"))
        return tuple(sorted(set(_numbers(self.dataset, about_records))))

    @property
    def lost(self) -> int:
        """Number of damaged places in the shards that no record of `dataset` could be read from."""
        damage = [found for found in self.errors if not found.kind.startswith("index-")]
        places = zip(damage, _find(self.dataset, damage), strict=True)
        return len({(found.place.shard, found.place.offset) for found, number in places if number is None})

    def require_clean(self) -> Dataset:
        """The dataset. Raises `DatasetError` that names everything that is wrong if anything is."""
        errors = self.errors
        if errors:
            raise DatasetError("\n".join(_listing(self)))
        return self.dataset

    def require_classes(self, num_classes: int | None) -> None:
        """Raise `DatasetError` where all that is wrong is that there are more classes than names."""
        bad = [found for found in self.errors if found.kind == "unknown-class"]
        if bad and len(bad) == len(self.errors):
            raise DatasetError(
                f"{len(bad)} objects have class ids that {num_classes} class names do not reach, such as {bad[0]}; "
                "see --classes, or num_classes of a loader"
            )

    def require_objects(self) -> None:
        """Raise `DatasetError` if no good record has an object with an area: training would teach none."""
        good = np.delete(self.has_objects, self.bad)
        if not good.any():
            raise DatasetError(
                f"none of the {len(good)} records has an object with an area, so there is nothing to learn; the first "
                f"shard is {self.dataset.shards[0]}. Were they packed with their labels? `dali-ssd show` draws some"
            )

    def without_bad(self, max_bad: float = 0.01) -> Dataset:
        """The dataset without its bad records.

        Raises `DatasetError` if more than the share `max_bad` (0 to 1) of the records is bad, and if none is left.
        """
        bad = len(self.bad) + self.lost
        total = len(self.dataset) + self.lost
        if bad > max_bad * total:
            limit = f"{bad} of {total} records are bad, more than max_bad = {max_bad:g} allows"
            raise DatasetError("\n".join([limit, *_listing(self)]))
        left = self.dataset.without(self.bad)
        if not len(left):
            raise DatasetError("every record is bad, so no records are left; `dali-ssd check` explains what is wrong")
        return left

    def write_list(self, path: str | Path | None = None) -> Path:
        """List all errors in a text file, one a line, whole or not at all; return its path.

        By default in the cache folder, under a name that follows from the content.
        """
        text = "".join(f"{found.kind}\t{found}\n" for found in self.errors)
        if path is None:
            digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
            path = cache_folder(None, "bad-records") / f"{digest}.txt"
        with atomic_open(path, "w") as file:
            file.write(text)
        return Path(path)


def _listing(verified: Verified) -> list[str]:
    errors = verified.errors
    lines = [f"{len(errors)} things are wrong with the records; `dali-ssd check` explains them and can repair:"]
    lines += [f"  {found} [{found.kind}]" for found in errors[:_NAMED]]
    if len(errors) > _NAMED:
        lines.append(f"  ... and {len(errors) - _NAMED} more; {verified.write_list()} lists all")
    return lines


def _find(dataset: Dataset, findings: Iterable[Finding]) -> list[int | None]:
    """Number of the record that each finding is about, None where it is about none of the dataset's."""
    return [
        None if place.shard is None or place.offset is None else dataset.find(place.shard, place.offset)
        for place in (found.place for found in findings)
    ]


def _numbers(dataset: Dataset, findings: Iterable[Finding]) -> list[int]:
    return [number for number in _find(dataset, findings) if number is not None]


def _report(shard: Path, cache_dir: str | Path | None) -> ShardReport:
    if not index_path(shard).exists():
        with suppress(RecordError):  # a damaged shard gets no index; its report tells why
            ensure_index(shard, cache_dir)
    return cached_report(shard, cache_dir)


def verify(
    paths: Paths,
    *,
    coordinates: Literal["auto", "fraction", "pixel"] = "auto",
    num_classes: int | None = None,
    decode: bool = False,
    cache_dir: str | Path | None = None,
) -> Verified:
    """Look through shards, or take what an earlier look found; build missing indexes of intact ones.

    `decode`: have DALI decode every image that looks good, too. Raises `DatasetError` where a shard cannot be read,
    where there are no records, and where `auto` cannot tell the coordinates. What is wrong with records is not raised
    but told by the result.
    """
    shards = expand_paths(paths)
    reports = [_report(shard, cache_dir) for shard in shards]
    dataset = concatenate([report.part() for report in reports])
    findings = [found for report in reports for found in report.findings]
    missed = sum(found.kind == "unindexed" for found in findings)
    if missed and not len(dataset):
        raise DatasetError(
            f"no records in {', '.join(map(str, shards[:5]))}: the indexes list none of {missed} that are there; "
            "rebuild them by `dali-ssd index`"
        )
    require_any_record(reports)
    if not len(dataset):
        nothing = Verified(dataset, tuple(findings), "fraction", "", 0, 0, np.zeros(0, bool))
        raise DatasetError("\n".join([f"no records in {', '.join(map(str, shards[:5]))}", *_listing(nothing)]))
    resolved = resolve_coordinates(scales_of(reports), coordinates)
    findings += coordinate_findings(reports, resolved) + class_findings(reports, num_classes)
    facts = [record for report in reports for record in report.records]
    progressive = sum(record.progressive for record in facts) / len(facts)
    has_objects = np.array([record.learnable for record in facts])
    about = (_labels_digest(facts), _mean_pixels(facts), progressive, has_objects)
    verified = Verified(dataset, tuple(findings), resolved, *about)
    if not decode:
        return verified
    good = sorted(set(range(len(dataset))) - set(verified.bad))
    return replace(verified, findings=(*findings, *decode_findings(dataset, good, cache_dir)))


def _labels_digest(records: Iterable[RecordFacts]) -> str:
    return hashlib.sha256(str([facts.label for facts in records]).encode()).hexdigest()[:16]


def _mean_pixels(records: Iterable[RecordFacts]) -> float:
    sizes = [facts.pixels for facts in records if facts.pixels]
    return sum(sizes) / max(1, len(sizes))
