"""Advice on labels: classes, difficult objects, objects that are labeled twice, records without objects."""

from __future__ import annotations

from collections.abc import Iterator

from dali_ssd.inspection.advising.grounds import Grounds
from dali_ssd.inspection.numbers import percent
from dali_ssd.inspection.report import Advice
from dali_ssd.inspection.strange import DUPLICATE_IOU
from dali_ssd.util.words import counted, first_few

__all__ = ["advise_on_labels"]

_IMBALANCE, _RARE = 20, 50
"""Times more objects of the most frequent class than of the least; objects below which a class is hardly learned."""
_DIFFICULT, _TWICE, _EMPTY = 0.05, 0.001, 0.3
"""Shares of difficult objects, of pairs of nearly equal boxes, and of records without objects that are worth a word."""


def advise_on_labels(grounds: Grounds) -> Iterator[Advice]:
    """Yield advice on classes and objects."""
    for part in (_classes, _difficult, _duplicates, _empty):
        yield from part(grounds)


def _classes(grounds: Grounds) -> Iterator[Advice]:
    classes = grounds.report.classes
    there = sorted((one for one in classes if one.objects), key=lambda one: one.objects)
    absent = [one.name for one in classes if not one.objects]
    if absent and there:
        yield Advice(
            "Classes without objects",
            f"{counted(len(absent), 'class')} of {len(classes)} without an object: "
            f"{', '.join(first_few(absent, 'class'))}.",
            "Their outputs learn nothing, cost memory and time, and a mean over classes leaves them out.",
            "Leave them out of the class names and convert again, unless other shards have them.",
        )
    if len(there) > 1 and there[-1].objects >= _IMBALANCE * there[0].objects:
        rare = [f"{one.name} ({one.objects:,})" for one in there if one.objects < _RARE]
        some = f" Hardly enough to learn from: {', '.join(first_few(rare, 'class'))}." if rare else ""
        yield Advice(
            "Class imbalance",
            f"{there[-1].name} has {there[-1].objects:,} objects and {there[0].name} {there[0].objects:,}, "
            f"{there[-1].objects / there[0].objects:,.0f} times fewer.{some}",
            "The loss is mostly of the frequent classes, and a mean over classes is as much of the rare ones.",
            "Watch AP per class. Add images of the rare classes, or write their records to a shard of their own and "
            "name it with the others, with a copy of it for each further time that they should be seen.",
        )


def _difficult(grounds: Grounds) -> Iterator[Advice]:
    boxes = grounds.report.boxes
    if boxes.objects and boxes.difficult >= _DIFFICULT * boxes.objects:
        yield Advice(
            "Difficult objects",
            f"{boxes.difficult:,} of {boxes.objects:,} objects ({percent(boxes.difficult / boxes.objects)}) are "
            "marked difficult.",
            "They are trained on like all others, and scores count neither them nor their detections.",
            "Nothing, if the mark means what it does in Pascal VOC. If it means an unsure label, take those objects "
            "out of the annotations before the conversion.",
        )


def _duplicates(grounds: Grounds) -> Iterator[Advice]:
    pairs, objects = grounds.duplicates, grounds.report.boxes.objects
    if objects and pairs >= max(1, _TWICE * objects):
        yield Advice(
            "Overlapping boxes",
            f"{counted(pairs, 'pair')} of boxes with an IoU of {DUPLICATE_IOU:g} or more, among {objects:,} objects.",
            "An object that is labeled twice counts as missed once in every score, and two classes of one box "
            "contradict each other.",
            'Correct the annotations: the page that `--html` writes shows the worst under "Records to look at", and '
            "the file of `--json` has where to find the others.",
        )


def _empty(grounds: Grounds) -> Iterator[Advice]:
    report = grounds.report
    if report.records and report.boxes.empty >= _EMPTY * report.records and report.boxes.objects:
        yield Advice(
            "Records without objects",
            f"{report.boxes.empty:,} of {report.records:,} records have no object.",
            "GluonCV's loss takes as many negatives from an image as its positive anchors allow, so such an image adds "
            "nothing to it, and costs as much to load and compute as any other.",
            "Convert the annotations for training again with `--drop-empty`; keep such images among those for scoring, "
            "where they can have false detections.",
        )
