"""What advice is based on, and words that several pieces share."""

from __future__ import annotations

from dataclasses import dataclass

from dali_ssd.config import AugmentConfig
from dali_ssd.inspection.contents import Contents
from dali_ssd.inspection.numbers import percent
from dali_ssd.inspection.report import Alternative, Report
from dali_ssd.util.words import first_few

__all__ = ["Grounds", "gain", "shards_of", "worst_class"]


@dataclass(frozen=True, eq=False)
class Grounds:
    """What the advice is based on."""

    report: Report
    contents: Contents
    network: Alternative
    """The network's own anchors, on the same boxes."""
    duplicates: int
    """Pairs of boxes that are nearly the same."""
    augment: AugmentConfig
    gpus: int


def gain(now: Alternative, other: Alternative) -> float:
    """Return the coverage that other anchors gain, as a mean over classes; NaN without objects."""
    return other.class_mean - now.class_mean


def worst_class(report: Report) -> str:
    """Return the class that anchors meet worst in augmented views, in words; nothing if there is only one."""
    seen = [one for one in report.classes if one.after.objects]
    if len(seen) < 2:
        return ""
    worst = min(seen, key=lambda one: one.after.covered)
    return f" (the least is {worst.name} with {percent(worst.after.covered)} in augmented views)"


def shards_of(report: Report) -> str:
    """Return the shards as a command takes them, the first few of many."""
    return " ".join(first_few([shard.path for shard in report.shards], "shard", 3))
