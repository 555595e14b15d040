"""The parts of the page on anchors, classes, boxes and images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dali_ssd.inspection.groups import LARGE, SMALL
from dali_ssd.inspection.numbers import cost_in_words, percent, ratio_in_words, size_in_words, spread_in_words
from dali_ssd.inspection.report import ClassFacts, Coverage, Report
from dali_ssd.inspection.showing.charts import (
    box_chart,
    class_chart,
    cost_chart,
    histogram_chart,
    layer_chart,
    size_chart,
)
from dali_ssd.pages.elements import Cell, Charts, Element, Facts, Fold, Note, Share, Table
from dali_ssd.pages.page import Section
from dali_ssd.util.words import counted

__all__ = ["anchor_section", "box_section", "class_section", "image_section"]

_ROWS = 20
"""Classes or shards of a table that is not folded."""


def anchor_section(report: Report) -> Section:
    """Return the section on the anchors that the boxes meet."""
    return Section("Anchors", list(_anchors(report)), lead=_anchor_lead(report))


def class_section(report: Report) -> Section:
    """Return the section on classes."""
    return Section("Classes", list(_classes(report)))


def box_section(report: Report) -> Section:
    """Return the section on sizes and shapes of boxes."""
    return Section("Boxes", list(_boxes(report)), lead=_box_lead(report))


def image_section(report: Report) -> Section:
    """Return the section on images, shards, and what decoding costs."""
    return Section("Images and cost", list(_images(report)))


def _anchor_lead(report: Report) -> str:
    sample = report.sample
    part = "all" if sample.records == report.records else f"{sample.records:,} of {report.records:,}"
    return (
        f"An object is covered if an anchor has an IoU of {report.threshold:g} or more with it: then several anchors "
        "are trained on it. Otherwise training forces its best anchor on it, however badly that fits. Boxes of "
        f"{part} records were matched by the kernel of training: {sample.objects:,} as stored, and "
        f"{sample.augmented_objects:,} in {counted(sample.views, 'augmented view')} of each record."
    )


def _anchors(report: Report) -> Iterator[Element]:
    if not report.sample.objects:
        yield Note("info", "There are no objects to compare with anchors")
        return
    yield Charts([box_chart(report), size_chart(report), layer_chart(report)])
    head = [
        "objects",
        "stored",
        "covered",
        "one forced anchor",
        "augmented",
        "covered",
        "one forced anchor",
        "anchors each",
    ]
    rows = [
        [group.name, *_shares(group.before), *_shares(group.after), _whole(group.after.positives)]
        for group in report.sizes
    ]
    yield Table(
        head, rows, "By the side of a square of equal area, in network pixels; anchors each: in augmented views, median"
    )
    yield Table(
        [
            "feature map",
            "pixels per cell",
            "anchors",
            "square sides",
            "ratios",
            "best for, stored",
            "best for, augmented",
            "covered",
        ],
        [
            [
                f"{facts.layer.cells}x{facts.layer.cells}",
                facts.layer.step,
                facts.anchors,
                ", ".join(f"{side:.0f}" for side in _squares(facts.layer.shapes)),
                ", ".join(ratio_in_words(ratio) for ratio in facts.layer.ratios),
                Share(facts.before),
                Share(facts.after),
                Share(facts.covered),
            ]
            for facts in report.layers
        ],
        "The feature map of each object's best anchor; covered: of the stored objects among these",
    )
    others = [(", ".join(one.names), one) for one in report.alternatives]
    if report.fitted is not None:
        sizes = ", ".join(f"{size:g}" for size in report.fitted.sizes)
        others.append((f"{report.network}, sizes fitted to these boxes: {sizes}", report.fitted))
    yield Table(
        ["anchors of", "input, px", "anchors", "stored", "augmented", "mean over classes"],
        [
            [name, one.data_shape, one.anchors, Share(one.before), Share(one.after), Share(one.class_mean)]
            for name, one in others
        ],
        "What other anchors would cover of these boxes; mean over classes: of both",
    )


def _classes(report: Report) -> Iterator[Element]:
    if not report.classes:
        yield Note("info", "There are no classes: no names and no objects")
        return
    if any(one.before.objects for one in report.classes):
        yield Charts([class_chart(report.classes)])
    order = sorted(report.classes, key=lambda one: -one.objects)
    yield _class_table(order[:_ROWS])
    if len(order) > _ROWS:
        yield Fold(f"The other {len(order) - _ROWS:,} classes", [_class_table(order[_ROWS:])])


def _class_table(classes: Sequence[ClassFacts]) -> Table:
    head = [
        "class",
        "id",
        "images",
        "objects",
        "difficult",
        "covered, stored",
        "covered, augmented",
        "one forced anchor",
    ]
    rows: list[list[Cell]] = [
        [
            one.name, one.id, one.images, one.objects, one.difficult,
            Share(one.before.covered), Share(one.after.covered), Share(one.after.forced),
        ]
        for one in classes
    ]  # fmt: skip
    return Table(head, rows, "The most frequent first; one forced anchor: in augmented views")


def _box_lead(report: Report) -> str:
    return (
        f"Sizes are in pixels of the network's input of {report.data_shape} px, after resizing: small is below "
        f"{SMALL} px, large from {LARGE} px on. Dashed lines are the sizes and ratios of the anchors."
    )


def _boxes(report: Report) -> Iterator[Element]:
    boxes = report.boxes
    yield Facts(
        [
            ("objects per image", spread_in_words(boxes.per_image)),
            ("images without objects", f"{boxes.empty:,}"),
            ("side, network pixels", spread_in_words(boxes.side)),
            ("width over height", spread_in_words(boxes.ratio)),
            ("difficult objects", f"{boxes.difficult:,}"),
        ]
    )
    if boxes.objects:
        squares = [side for facts in report.layers for side in _squares(facts.layer.shapes)]
        ratios = sorted({ratio for facts in report.layers for ratio in facts.layer.ratios})
        yield Charts(
            [
                histogram_chart(boxes.objects_per_image, "Objects per image", "objects"),
                histogram_chart(boxes.sides, "Sides of the boxes", "network pixels", log=True, marks=squares),
                histogram_chart(boxes.ratios, "Aspect ratios", "width over height", log=True, marks=ratios),
            ]
        )


def _images(report: Report) -> Iterator[Element]:
    images, cost = report.images, report.cost
    yield Facts(
        [
            ("width, pixels", spread_in_words(images.width)),
            ("height, pixels", spread_in_words(images.height)),
            ("image file, kB", spread_in_words(images.file_bytes, 1000)),
            ("formats", ", ".join(f"{count:,} {kind}" for kind, count in images.kinds.items()) or "-"),
            ("progressive JPEGs", percent(images.progressive)),
            ("decoding, one core of this machine", _cost(report)),
        ]
    )
    if report.records:
        charts = [
            histogram_chart(images.megapixels, "Image sizes", "megapixels"),
            histogram_chart(images.kilobytes, "Record sizes", "kB of the image file"),
        ]
        if images.width.least == images.width.most and images.height.least == images.height.most:
            del charts[0]  # one bar says less than the numbers above
        if not math.isnan(cost.ms_per_megapixel):  # images of one size would be a smear
            charts.append(cost_chart(report))
        yield Charts(charts)
    shards = Table(
        ["shard", "records", "size"], [[one.path, one.records, size_in_words(one.bytes)] for one in report.shards]
    )
    yield shards if len(report.shards) <= _ROWS else Fold(f"The {len(report.shards)} shards", [shards])


def _cost(report: Report) -> str:
    cost = report.cost
    if math.isnan(cost.mean_ms):
        return f"not measured: {cost.note}" if cost.note != "not measured" else cost.note
    note = f"; {cost.note}" if cost.note else ""
    words, count = cost_in_words(cost.mean_ms, cost.ms_per_megapixel), counted(len(cost.images), "image")
    return f"{words}, measured on {count} with the decoder of training{note}"


def _shares(one: Coverage) -> list[int | Share]:
    return [one.objects, Share(one.covered), Share(one.forced)]


def _squares(shapes: NDArray[np.float64]) -> list[float]:
    """Return the sides of the square anchors among shapes (k, 2), ascending."""
    return sorted(float(width) for width, height in shapes if math.isclose(width, height))


def _whole(value: float) -> float | int:
    return value if math.isnan(value) or value % 1 else int(value)
