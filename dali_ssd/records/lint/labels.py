"""Findings on well-formed labels that depend on the class list or on the unit of all other labels.

A shard's report keeps only what is needed to find the records at fault; their objects are read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import CoordinateUnit
from dali_ssd.errors import RecordLocation
from dali_ssd.records.format.labels import FRACTION_LIMIT, proper_ids, split_label
from dali_ssd.records.format.recordio import frame_at, join, map_shard, unpack
from dali_ssd.records.lint.content import describe, in_fractions, in_pixels
from dali_ssd.records.lint.coordinate_unit import LabelUnits
from dali_ssd.records.lint.findings import Finding, finding
from dali_ssd.records.lint.shard_report import RecordFacts, ShardReport
from dali_ssd.util.words import counted

__all__ = ["class_findings", "coordinate_findings", "units_of"]


def units_of(reports: Iterable[ShardReport]) -> LabelUnits:
    """Return the unit that the coordinates of each record seem to have."""
    return [(RecordLocation(r.shard, facts.key, facts.offset), facts.unit) for r in reports for facts in r.records]


def class_findings(reports: Iterable[ShardReport], num_classes: int | None) -> list[Finding]:
    """Return a finding per object with a class id of `num_classes` or more."""
    if num_classes is None:
        return []
    ids = f" (ids 0 to {num_classes - 1})" if num_classes > 1 else ""
    allowed = f"there {'is' if num_classes == 1 else 'are'} {counted(num_classes, 'class')}{ids}"
    return [
        finding("unknown-class", replace(place, object=int(number)), f"{describe(rows[number])}, but {allowed}")
        for place, rows in _labels_where(reports, lambda facts: facts.top_class >= num_classes)
        for number in np.flatnonzero(proper_ids(rows[:, 0]) & (rows[:, 0] >= num_classes))
    ]


def coordinate_findings(reports: Iterable[ShardReport], unit: CoordinateUnit) -> list[Finding]:
    """Return a finding per record with coordinates in the other unit, about its first such object if only some are."""
    mixed = list(_labels_where(reports, lambda facts: facts.unit == "mixed"))
    if unit == "fraction":
        pixels = _labels_where(reports, lambda facts: facts.unit == "pixel")
        return [_in_pixels(*label) for label in (*pixels, *mixed)]
    text = f"no coordinate above {FRACTION_LIMIT:g}: fractions where the other labels have pixels"
    return [_in_fractions(*label) for label in mixed] + [
        finding("fraction-coordinates", place, text) for place, unit in units_of(reports) if unit == "fraction"
    ]


def _in_fractions(place: RecordLocation, rows: NDArray[np.float32]) -> Finding:
    number = int(np.argmax(in_fractions(rows)))
    text = f"{describe(rows[number])}: hardly a pixel, so a fraction where the other objects have pixels"
    return finding("fraction-coordinates", replace(place, object=number), text)


def _in_pixels(place: RecordLocation, rows: NDArray[np.float32]) -> Finding:
    numbers = np.flatnonzero(in_pixels(rows))
    many = f", as in {len(numbers)} of the {len(rows)} objects" if len(rows) > 1 else ""
    text = f"{describe(rows[numbers[0]])}: pixels where fractions belong{many}"
    return finding("pixel-coordinates", replace(place, object=int(numbers[0])), text)


def _labels_where(
    reports: Iterable[ShardReport], condition: Callable[[RecordFacts], bool]
) -> Iterator[tuple[RecordLocation, NDArray[np.float32]]]:
    """Yield location and label rows (n, B) of the records that meet the condition."""
    for report in reports:
        some = [facts for facts in report.records if condition(facts)]
        if not some:
            continue
        with map_shard(report.shard) as buffer:
            for facts in some:
                place = RecordLocation(report.shard, facts.key, facts.offset)
                header, _ = unpack(join(buffer, frame_at(buffer, facts.offset, report.shard)), place)
                yield place, split_label(header.label, place)[1]
