"""The result of an inspection of shards, and the requirements of those who use the records.

Made by `inspect_shards`; used by `dali-ssd check`, the loaders, `train` and `eval`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import CoordinateUnit
from dali_ssd.errors import DatasetError, RecordLocation
from dali_ssd.records.dataset import Dataset, concatenate
from dali_ssd.records.lint.findings import Finding, to_json, worst_first
from dali_ssd.records.lint.shard_report import RecordFacts, ShardReport
from dali_ssd.util.files import atomic_open, cache_folder, caching
from dali_ssd.util.words import counted, first_few

__all__ = ["DatasetReport"]

_NAMED = 50
"""Most faulty records that an error names; if there are more, it names the file that lists all."""


@dataclass(frozen=True, eq=False)
class DatasetReport:
    """The result of an inspection of shards."""

    shards: tuple[Path, ...]
    """All shards, including those that cannot be read."""
    reports: tuple[ShardReport, ...]
    """One per shard that could be read."""
    findings: tuple[Finding, ...]
    unit: CoordinateUnit
    """Unit that the boxes of the labels are read in."""
    num_classes: int | None
    """Number of classes that the labels were checked against, None if they were not."""

    @cached_property
    def dataset(self) -> Dataset:
        """Every whole record that the indexes list, good or bad."""
        return concatenate([report.part() for report in self.reports])

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that make a record, an index or a shard unusable."""
        return tuple(found for found in self.findings if found.severity == "error")

    @cached_property
    def bad(self) -> tuple[int, ...]:
        """Numbers of the records of `dataset` that have errors, ascending; errors of the index do not count."""
        return tuple(sorted({number for _, number in self._record_errors if number is not None}))

    @cached_property
    def lost(self) -> int:
        """Number of damaged places in the shards from which no record of `dataset` could be read."""
        return len({(at.shard, at.offset) for at, number in self._record_errors if number is None})

    @cached_property
    def objects(self) -> int:
        """Objects of the good records with a proper class id and an area inside the image."""
        return int(np.delete(self._column("objects"), self.bad).sum())

    @cached_property
    def difficult(self) -> int:
        """Number of `objects` that are marked difficult, which scores do not count."""
        return int(np.delete(self._column("difficult"), self.bad).sum())

    @property
    def records(self) -> int:
        """Number of records that were checked."""
        return sum(len(report.records) for report in self.reports)

    @cached_property
    def label_digest(self) -> str:
        """Digest of all labels, good or bad."""
        return hashlib.sha256(str([facts.label for facts in self._facts()]).encode()).hexdigest()[:16]

    @cached_property
    def mean_pixels(self) -> float:
        """Mean of width times height over the images whose size could be read."""
        sizes = [facts.pixels for facts in self._facts() if facts.pixels]
        return sum(sizes) / max(1, len(sizes))

    @cached_property
    def progressive(self) -> float:
        """Share of the records that are progressive JPEGs, 0 to 1."""
        return sum(facts.progressive for facts in self._facts()) / max(1, self.records)

    @property
    def exit_code(self) -> int:
        """Exit code of `dali-ssd check`. 0: nothing but notes; 1: errors or warnings; 2: a shard cannot be read."""
        if self.count("unreadable"):
            return 2
        return int(any(found.severity != "note" for found in self.findings))

    def count(self, what: str) -> int:
        """Return the number of findings of a kind or severity."""
        return sum(what in (found.kind, found.severity) for found in self.findings)

    def require_readable(self) -> None:
        """Raise `DatasetError` if shards cannot be read, there are no records, or their unit is unclear."""
        fatal = [found for found in self.findings if found.meaning.fatal]
        shards = [found.message for found in fatal if found.meaning.part == "shard"]
        if fatal:
            raise DatasetError("; ".join(first_few(shards or [found.message for found in fatal], "shard")))
        if len(self.dataset):
            return
        where, missed = self._shard_names, self.count("unindexed")
        if missed:
            raise DatasetError(
                f"no records in {where}: the indexes list none of {missed} that are there; "
                "rebuild them by `dali-ssd index`"
            )
        raise DatasetError("\n".join([f"no records in {where}", *_listing(self)]))

    def require_clean(self) -> Dataset:
        """Return the dataset. Raises `DatasetError` with all errors if there are any."""
        if self.errors:
            raise DatasetError("\n".join(_listing(self)))
        return self.dataset

    def require_classes(self) -> None:
        """Raise `DatasetError` if the only errors are class ids beyond the class names."""
        bad = [found for found in self.errors if found.kind == "unknown-class"]
        if bad and len(bad) == len(self.errors):
            raise DatasetError(
                f"{counted(len(bad), 'object')} with a class id that {counted(self.num_classes or 0, 'class name')} "
                f"cannot have, such as {bad[0]}; see --classes, or num_classes of a loader"
            )

    def require_objects(self) -> None:
        """Raise `DatasetError` if no good record has an object: a network would learn that there are none."""
        if not self.objects:
            raise DatasetError(
                f"none of {counted(self.records - len(self.bad), 'record')} has an object with an area inside of its "
                f"image, so there is nothing to learn; the first shard is {self.dataset.shards[0]}. Were they packed "
                "with their labels? `dali-ssd show` draws some"
            )

    def require_countable(self) -> None:
        """Raise `DatasetError` if no good record has an object that scores count: they would all be NaN."""
        where = self._shard_names
        if not self.objects:
            raise DatasetError(f"no objects with an area inside of their image in {where}: there is nothing to find")
        if self.objects == self.difficult:
            raise DatasetError(
                f"all objects in {where} are marked difficult ({self.difficult}), so none counts; score on shards with "
                "others, or write these again without the mark (`difficult` in VOC files, crowd regions in COCO's)"
            )

    def without_bad(self, max_bad: float = 0.01) -> Dataset:
        """Return the dataset without its bad records.

        Raises `DatasetError` if more than the share `max_bad` (0 to 1) of the records is bad, or none is left.
        """
        bad = len(self.bad) + self.lost
        total = len(self.dataset) + self.lost
        if bad > max_bad * total:
            limit = f"bad records: {bad:,} of {total:,}, more than max_bad = {max_bad:g} allows"
            raise DatasetError("\n".join([limit, *_listing(self)]))
        left = self.dataset.without(self.bad)
        if not len(left):
            raise DatasetError("every record is bad, so no records are left; `dali-ssd check` explains what is wrong")
        return left

    def write_list(self, path: str | Path | None = None) -> Path:
        """Write all errors to a text file, one per line, whole or not at all; return its path.

        Defaults to a file in the cache folder, named by a hash of its content.
        """
        text = "".join(f"{found.kind}\t{found}\n" for found in self.errors)
        if path is None:
            digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
            path = cache_folder(None, "bad-records") / f"{digest}.txt"
            with caching():
                _write_text(path, text)
        else:
            _write_text(path, text)
        return Path(path)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "shards": [str(shard) for shard in self.shards],
            "records": self.records,
            "coordinates": self.unit,
            **{f"{severity}s": self.count(severity) for severity in ("error", "warning", "note")},
            "kinds": {
                kind: {"severity": some[0].severity, "count": len(some), "advice": some[0].advice}
                for kind, some in worst_first(self.findings).items()
            },
            "findings": [to_json(found) for found in self.findings],
        }

    def _facts(self) -> Iterator[RecordFacts]:
        return (facts for report in self.reports for facts in report.records)

    def _column(self, name: str) -> NDArray[np.int64]:
        return np.array([getattr(facts, name) for facts in self._facts()], np.int64)

    @property
    def _shard_names(self) -> str:
        return ", ".join(first_few(self.shards, "shard"))

    @cached_property
    def _record_errors(self) -> list[tuple[RecordLocation, int | None]]:
        """Location of each error of a record, and the record's number in `dataset`, None if it is not in there."""
        places = [found.place for found in self.errors if found.meaning.part == "record"]
        return [(place, self._number(place)) for place in places]

    def _number(self, place: RecordLocation) -> int | None:
        if place.shard is None or place.offset is None:
            return None
        return self.dataset.find(place.shard, place.offset)


def _write_text(path: str | Path, text: str) -> None:
    with atomic_open(path, "w") as file:
        file.write(text)


def _listing(report: DatasetReport) -> list[str]:
    errors = report.errors
    lines = [f"{counted(len(errors), 'error')} in the records; `dali-ssd check` explains all and can repair them:"]
    lines += [f"  {found} [{found.kind}]" for found in errors[:_NAMED]]
    if len(errors) > _NAMED:
        lines.append(f"  ... and {len(errors) - _NAMED} more; {report.write_list()} lists all")
    return lines
