"""All advice on a data set."""

from __future__ import annotations

from collections.abc import Iterator

from dali_ssd.inspection.advising.grounds import Grounds, shards_of
from dali_ssd.inspection.advising.on_anchors import advise_on_anchors
from dali_ssd.inspection.advising.on_images import advise_on_images
from dali_ssd.inspection.advising.on_labels import advise_on_labels
from dali_ssd.inspection.advising.on_shards import advise_on_shards
from dali_ssd.inspection.report import Advice
from dali_ssd.util.words import counted

__all__ = ["TOPICS", "advise"]

TOPICS = (
    "Damage", "Anchor sizes", "Larger input", "Shrinking augmentation", "Tiny objects", "Classes without objects",
    "Class imbalance", "Difficult objects", "Overlapping boxes", "Records without objects", "Repeated images",
    "Large images", "Progressive JPEGs", "Records in order", "Large shards", "Small shards", "Uneven shards",
    "Few records per GPU",
)  # fmt: skip
"""All topics of advice, in the order in which they are given."""


def advise(grounds: Grounds) -> tuple[Advice, ...]:
    """Return all advice there is, the urgent first."""
    found = [*_errors(grounds), *advise_on_anchors(grounds), *advise_on_labels(grounds), *advise_on_images(grounds)]
    found += advise_on_shards(grounds.report, grounds.gpus)
    return tuple(sorted(found, key=lambda advice: not advice.urgent))


def _errors(grounds: Grounds) -> Iterator[Advice]:
    report = grounds.report
    if report.bad or report.unreadable:
        lost = [counted(report.bad, "record") + " with errors"] if report.bad else []
        lost += [counted(report.unreadable, "shard") + " that cannot be read"] if report.unreadable else []
        yield Advice(
            "Damage",
            f"{' and '.join(lost)}; nothing else in this report is about them.",
            "Training refuses to begin, or leaves them out with `--on-bad skip`.",
            "Write clean shards; the table of findings says what is wrong with each.",
            f"dali-ssd check {shards_of(report)} --fix clean",
            urgent=True,
        )
