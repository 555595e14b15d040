"""All advice on a data set."""

from __future__ import annotations

from collections.abc import Iterator

from dali_ssd.inspection.advising.commands import check_command
from dali_ssd.inspection.advising.grounds import Grounds
from dali_ssd.inspection.advising.on_anchors import advise_on_anchors
from dali_ssd.inspection.advising.on_images import advise_on_images
from dali_ssd.inspection.advising.on_labels import advise_on_labels
from dali_ssd.inspection.advising.on_shards import advise_on_shards
from dali_ssd.inspection.report import Advice
from dali_ssd.records.lint.findings import KINDS
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
    found += advise_on_shards(grounds)
    return tuple(sorted(found, key=lambda advice: not advice.urgent))


def _errors(grounds: Grounds) -> Iterator[Advice]:
    report, config = grounds.report, grounds.config
    if report.bad or report.unreadable:
        lost = [counted(report.bad, "record") + " with errors"] if report.bad else []
        lost += [counted(report.unreadable, "shard") + " that cannot be read"] if report.unreadable else []
        errors = [one for one in report.findings if one.severity == "error"]
        worst = max(errors, key=lambda one: one.count)
        # Names that are missing leave objects without fault unknown, and a repair would drop them.
        nameless = worst.kind == "unknown-class" and 2 * worst.count > sum(one.count for one in errors)
        repairable = KINDS[worst.kind].repair != "nothing" and not nameless
        yield Advice(
            "Damage",
            f"{' and '.join(lost)}; nothing else in this report is about them.",
            "Training refuses to begin, or leaves them out with `--on-bad skip`.",
            f'The most frequent error is "{worst.title}": '
            f"{'give all class names, in the order of their ids' if nameless else worst.advice}.",
            "" if nameless else check_command(config, *(("--fix", "clean") if repairable else ())),
            urgent=True,
        )
