"""The report as a page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dali_ssd.inspection.advice import TOPICS
from dali_ssd.inspection.charts import (
    box_chart,
    class_chart,
    cost_chart,
    histogram_chart,
    layer_chart,
    size_chart,
)
from dali_ssd.inspection.examine import Inspected
from dali_ssd.inspection.groups import LARGE, SMALL
from dali_ssd.inspection.report import ClassFacts, Coverage, Exhibit, Report, Spread
from dali_ssd.inspection.shards import size_in_words
from dali_ssd.inspection.thumbnails import gallery, pictures_of
from dali_ssd.pages.elements import Cell, Charts, Element, Facts, Fold, Note, Picture, Share, Stats, Table, Text
from dali_ssd.pages.page import Page, Section, write_page
from dali_ssd.util.words import counted

__all__ = ["report_page", "write_report"]

_ROWS = 20
"""Classes of the table that is not folded."""


_FINDING_LEAD = (
    "What `dali-ssd check` finds in frames, labels and heads of images; with `--decode` it looks at all pixels."
)


def write_report(path: Path, inspected: Inspected, command: str) -> None:
    """Draw the pictures and write the page; `command` is what was typed.

    Raises DaliSsdError if it cannot be written, MissingDependencyError without Matplotlib or Jinja2.
    """
    report = inspected.report
    pictures = pictures_of(inspected.dataset, report.exhibits, inspected.classes)
    write_page(path, report_page(report, pictures, command))


def report_page(report: Report, pictures: dict[int, Picture | None], command: str) -> Page:
    """Return the page; `pictures` are those of the exhibits by their record's number."""
    return Page(
        title=f"What {report.network} {report.data_shape} sees in {_names(report)}",
        lead=_lead(report),
        summary=[_stats(report)],
        sections=[
            Section("Advice", _advice(report)),
            Section("Anchors", list(_anchors(report)), lead=_anchor_lead(report)),
            Section("Classes", list(_classes(report))),
            Section("Boxes", list(_boxes(report)), lead=_box_lead(report)),
            Section("Images and cost", list(_images(report))),
            Section("Records to look at", _records(report, pictures), lead=_RECORD_LEAD),
            Section("Findings", _findings(report), lead=_FINDING_LEAD),
        ],
        made_by=command,
    )


_RECORD_LEAD = (
    "The numbers below the pictures are keys in the index, and what `--record` takes; `dali-ssd show` draws a record "
    "large."
)


def _names(report: Report) -> str:
    paths = [shard.path.rpartition("/")[2] for shard in report.shards]
    return paths[0] if len(paths) == 1 else counted(len(paths), "shard")


def _lead(report: Report) -> str:
    left_out = f" {counted(report.bad, 'record')} with errors left out." if report.bad else ""
    lost = f" {counted(report.unreadable, 'shard')} cannot be read." if report.unreadable else ""
    unit = " Labels are in pixels." if report.unit == "pixel" else ""
    return (
        f"{counted(report.records, 'record')} in {counted(len(report.shards), 'shard')}, "
        f"{size_in_words(sum(shard.bytes for shard in report.shards))}.{left_out}{lost}{unit}"
    )


def _stats(report: Report) -> Stats:
    every, cost = report.all, report.cost
    per_second = f"{1000 / cost.mean_ms:,.0f} images/s of one core" if cost.mean_ms > 0 else "not measured"
    return Stats(
        [
            (f"{report.records:,}", "images", f"{report.boxes.empty:,} without an object"),
            (
                f"{report.boxes.objects:,}",
                "objects",
                f"{_number(report.boxes.per_image.median)} per image in the median",
            ),
            (f"{sum(one.objects > 0 for one in report.classes):,}", "classes", _of_named(report)),
            (_percent(every.before.covered), "covered, as stored", f"by an anchor at IoU {report.threshold:g}"),
            (_percent(every.after.covered), "covered, augmented", f"{report.sample.views} views of each image"),
            (f"{_number(cost.mean_ms)} ms", "to decode an image", per_second),
        ]
    )


def _of_named(report: Report) -> str:
    absent = sum(not one.objects for one in report.classes)
    return f"{counted(absent, 'more name')} without an object" if absent else "all with objects"


def _advice(report: Report) -> list[Element]:
    if not report.advice:
        what = "Nothing to do" if report.records else "No good record"
        text = f"Looked at, and within limits: {', '.join(map(_inside, TOPICS))}." if report.records else ""
        return [Note("good" if report.records else "warning", what, text)]
    notes: list[Element] = [
        Note(
            "warning" if one.urgent else "advice",
            one.topic,
            f"{one.seen}\n\nWhat it costs: {one.costs}\n\nWhat to do: {one.do}",
            one.command,
        )
        for one in report.advice
    ]
    raised = {one.topic for one in report.advice}
    silent = [_inside(topic) for topic in TOPICS if topic not in raised]
    return [*notes, Text(f"Nothing to say on: {', '.join(silent)}.")] if silent else notes


def _inside(topic: str) -> str:
    """Return a topic as it is written within a sentence."""
    return topic[0].lower() + topic[1:]


def _anchor_lead(report: Report) -> str:
    sample = report.sample
    part = "all" if sample.records == report.records else f"{sample.records:,} of {report.records:,}"
    return (
        f"An object is covered if an anchor has an IoU of {report.threshold:g} or more with it: then several anchors "
        "are "
        "trained on it. Otherwise training forces its best anchor on it, however badly that fits. Boxes of "
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
                ", ".join(_ratio(ratio) for ratio in facts.layer.ratios),
                Share(facts.before),
                Share(facts.after),
                Share(facts.covered),
            ]
            for facts in report.layers
        ],
        "The feature map of each object's best anchor; covered: of the stored objects among these",
    )
    others = [(one.name, one) for one in report.alternatives]
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
        f"{SMALL} px, "
        f"large from {LARGE} px on. Dashed lines are the sizes and ratios of the anchors."
    )


def _boxes(report: Report) -> Iterator[Element]:
    boxes = report.boxes
    yield Facts(
        [
            ("objects per image", _spread(boxes.per_image)),
            ("images without objects", f"{boxes.empty:,}"),
            ("side, network pixels", _spread(boxes.side)),
            ("width over height", _spread(boxes.ratio)),
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
            ("width, pixels", _spread(images.width)),
            ("height, pixels", _spread(images.height)),
            ("image file, kB", _spread(images.file_bytes, 1000)),
            ("formats", ", ".join(f"{count:,} {kind}" for kind, count in images.kinds.items()) or "-"),
            ("progressive JPEGs", _percent(images.progressive)),
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
        yield Charts([*charts, cost_chart(report)] if cost.images else charts)
    shards = Table(
        ["shard", "records", "size"], [[one.path, one.records, size_in_words(one.bytes)] for one in report.shards]
    )
    yield shards if len(report.shards) <= _ROWS else Fold(f"The {len(report.shards)} shards", [shards])


def _cost(report: Report) -> str:
    cost = report.cost
    if math.isnan(cost.mean_ms):
        return f"not measured: {cost.note}" if cost.note != "not measured" else cost.note
    note = f"; {cost.note}" if cost.note else ""
    return (
        f"{cost.mean_ms:.2f} ms per image, {cost.ms_per_megapixel:.1f} ms per megapixel, measured on "
        f"{counted(len(cost.images), 'image')} with the decoder of training{note}"
    )


def _records(report: Report, pictures: dict[int, Picture | None]) -> list[Element]:
    elements: list[Element] = []
    for group, title in (
        ("crowded", "The most crowded"),
        ("smallest", "Those with the smallest objects"),
        ("strange", "The strangest"),
    ):
        some: list[Exhibit] = [one for one in report.exhibits if one.group == group]
        if some:
            elements += [Text(f"{title}:"), *gallery(some, pictures)]
    odd: list[list[Cell]] = [[one.what, one.count] for one in report.oddities if one.count]
    if odd:
        elements.append(Table(["strange", "how many"], odd))
    return elements or [Note("good", "None is strange")]


def _findings(report: Report) -> list[Element]:
    if not report.findings:
        return [Note("good", "No findings")]
    table = Table(
        ["severity", "finding", "count", "what it is", "what to do"],
        [[one.severity, one.kind, one.count, one.title, one.advice] for one in report.findings],
    )
    places = Facts([(one.kind, "; ".join(one.places)) for one in report.findings])
    return [table, Fold("The first of each", [places])]


def _shares(one: Coverage) -> list[int | Share]:
    return [one.objects, Share(one.covered), Share(one.forced)]


def _squares(shapes: NDArray[np.float64]) -> list[float]:
    """Return the sides of the square anchors among shapes (k, 2), ascending."""
    return sorted(float(width) for width, height in shapes if math.isclose(width, height))


def _ratio(ratio: float) -> str:
    return f"{ratio:g}" if ratio >= 1 else f"1/{1 / ratio:g}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.1%}"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"


def _whole(value: float) -> float | int:
    return value if math.isnan(value) or value % 1 else int(value)


def _spread(values: Spread, unit: float = 1) -> str:
    if math.isnan(values.median):
        return "-"
    if values.least == values.most:
        return f"{values.least / unit:,.4g} in all of them"
    median, least, most, low, high = (
        f"{value / unit:,.4g}" for value in (values.median, values.least, values.most, values.low, values.high)
    )
    return f"median {median}, {low} to {high} for 90% of them, {least} to {most} in all"
