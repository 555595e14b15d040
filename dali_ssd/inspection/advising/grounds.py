"""What advice is based on, and words that several pieces share."""

from __future__ import annotations

from dataclasses import dataclass

from dali_ssd.inspection.contents import Contents
from dali_ssd.inspection.numbers import percent
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.report import Alternative, Report

__all__ = ["Grounds", "gain", "worst_class"]


@dataclass(frozen=True, eq=False)
class Grounds:
    """What the advice is based on."""

    config: InspectConfig
    """What was asked for: commands take it over."""
    report: Report
    contents: Contents
    network: Alternative
    """The network's own anchors, on the same boxes."""
    duplicates: int
    """Pairs of boxes that are nearly the same."""


def gain(now: Alternative, other: Alternative) -> float:
    """Return the coverage that other anchors gain, as a mean over classes; NaN without objects."""
    return other.class_mean - now.class_mean


def worst_class(report: Report) -> str:
    """Return the class that anchors meet worst in augmented views, in words; nothing if there is only one."""
    seen = [one for one in report.classes if one.after.objects]
    if len(seen) < 2:
        return ""
    worst = min(seen, key=lambda one: one.after.covered)
    return f" (least of all {worst.name}: {percent(worst.after.covered)})"
