"""The charts of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dali_ssd.inspection.numbers import Histogram, percent
from dali_ssd.inspection.report import ClassFacts, Coverage, Report
from dali_ssd.pages.charts import chart, color
from dali_ssd.pages.elements import Chart
from dali_ssd.visualize.lettering import labels_for_matplotlib

__all__ = ["box_chart", "class_chart", "cost_chart", "histogram_chart", "layer_chart", "size_chart"]

_BEFORE, _AFTER = 0, 1
"""Colors of what is stored and of what is augmented."""
_BARS = 12
"""Classes of a chart."""
_NAME = 18
"""Letters of a class name."""


def box_chart(report: Report) -> Chart:
    """Draw width against height of boxes, with the anchors' shapes over them."""
    points = np.array(report.boxes.points, np.float64).reshape(-1, 3)
    covered = points[:, 2] > 0

    def paint(axes: Any) -> None:
        for some, number, name in ((covered, 0, "covered"), (~covered, 3, "not covered")):
            if some.any():
                label = f"{name} ({percent(float(some.mean()))})"
                axes.scatter(*points[some, :2].T, s=5, color=color(number), alpha=0.45, linewidths=0, label=label)
        shapes = np.concatenate([facts.layer.shapes for facts in report.layers])
        axes.scatter(*shapes.T, s=46, marker="+", color=color(1), linewidths=1.6, label="anchor")
        low = 2.0 ** math.floor(math.log2(max(min(shapes.min(), np.percentile(points[:, :2], 1)), 1)))
        high = max(report.data_shape, shapes.max()) * 1.1
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
        _plain_ticks(axes.xaxis, low, high)
        _plain_ticks(axes.yaxis, low, high)
        axes.set(xlabel="width, network pixels", ylabel="height, network pixels", aspect="equal")
        axes.set_title("Boxes and anchors")
        _legend_below(axes)

    alt = f"Width and height of {len(points)} boxes as points, and of the anchors as crosses"
    caption = "Each point is a box as stored. Anchors are shifted over the image; a box far from every cross has none."
    return chart(paint, alt, caption, size=(408, 440))


def size_chart(report: Report) -> Chart:
    """Draw the coverage of small, medium, large and all objects."""
    groups = report.sizes
    names = [group.name.partition(",")[0] for group in groups]
    return _pairs("Coverage by size", names, [group.before for group in groups], [group.after for group in groups])


def class_chart(classes: Sequence[ClassFacts]) -> Chart:
    """Draw the coverage of the classes that anchors meet worst."""
    known = [one for one in classes if one.before.objects or one.after.objects]
    worst = sorted(known, key=lambda one: _least(one.before.covered, one.after.covered))[:_BARS]
    title = "Coverage by class" if len(worst) == len(known) else f"The {len(worst)} classes of least coverage"
    names = [one.name if len(one.name) <= _NAME else one.name[: _NAME - 1] + "…" for one in worst]
    return _pairs(title, names, [one.before for one in worst], [one.after for one in worst])


def layer_chart(report: Report) -> Chart:
    """Draw which feature map has the best anchor of how many objects."""
    layers = report.layers
    names = [f"{facts.layer.cells}x{facts.layer.cells}" for facts in layers]

    def paint(axes: Any) -> None:
        _paired_bars(axes, names, [facts.before for facts in layers], [facts.after for facts in layers])
        axes.set(xlabel="share of the objects whose best anchor it has", ylabel="feature map")
        axes.set_title("Which layer catches them")

    return chart(
        paint, "Share of the objects by feature map, as stored and in augmented views", size=(408, _tall(names))
    )


def histogram_chart(
    bins: Histogram, title: str, label: str, *, log: bool = False, marks: Sequence[float] = ()
) -> Chart:
    """Draw counts in bins; `marks` are drawn as dashed lines."""
    edges = np.array(bins.edges)

    def paint(axes: Any) -> None:
        axes.bar(edges[:-1], bins.counts, np.diff(edges), align="edge", color=color(_BEFORE), linewidth=0)
        for mark in marks:
            axes.axvline(mark, color=color(1), linewidth=1.1, linestyle=(0, (3, 2)))
        if log:
            axes.set_xscale("log")
            _plain_ticks(axes.xaxis, edges[0], edges[-1])
        axes.set(xlabel=label)
        axes.set_title(title)
        axes.grid(visible=False, axis="x")
        axes.yaxis.get_major_locator().set_params(integer=True)

    return chart(paint, f"Histogram: {title}", size=(408, 220))


def cost_chart(report: Report) -> Chart:
    """Draw the time of each decoded image against its pixels, and the line through them."""
    cost = report.cost
    rows = np.array([(one.megapixels, one.ms, one.progressive) for one in cost.images]).reshape(-1, 3)

    def paint(axes: Any) -> None:
        for kind, name in ((0, "baseline or other"), (1, "progressive JPEG")):
            some = rows[rows[:, 2] == kind]
            if len(some):
                axes.scatter(*some[:, :2].T, s=14, color=color(kind), alpha=0.75, linewidths=0, label=name)
        ends = np.array([0, rows[:, 0].max() * 1.05])
        line = cost.base_ms + cost.ms_per_megapixel * ends
        axes.plot(ends, line, color=color(7), linewidth=1.2, label="fitted line")
        axes.set(xlabel="megapixels", ylabel="ms of one core", xlim=(0, None), ylim=(0, None))
        axes.set_title("Decoding")
        _legend_below(axes)

    return chart(paint, f"Milliseconds against megapixels of {len(rows)} images")


def _pairs(title: str, names: Sequence[str], before: Sequence[Coverage], after: Sequence[Coverage]) -> Chart:
    def paint(axes: Any) -> None:
        _paired_bars(axes, names, [one.covered for one in before], [one.covered for one in after])
        axes.set(xlabel="share of the objects with an anchor", xlim=(0, 1))
        axes.set_title(title)

    return chart(paint, f"{title}, as stored and in augmented views", size=(408, _tall(names)))


def _paired_bars(axes: Any, names: Sequence[str], before: Sequence[float], after: Sequence[float]) -> None:
    rows = np.arange(len(names))
    for shift, values, number, name in ((-0.2, before, _BEFORE, "stored"), (0.2, after, _AFTER, "augmented")):
        known = ~np.isnan(np.array(values, np.float64))
        axes.barh(rows[known] + shift, np.array(values)[known], 0.36, color=color(number), label=name)
        for row in rows[~known]:  # a bar of no length would say 0%
            axes.annotate("no objects", (0, row + shift), (3, 0), textcoords="offset points", va="center")
    labels, properties = labels_for_matplotlib(names)
    axes.set_yticks(rows, labels, **properties)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.grid(visible=False, axis="y")
    _legend_below(axes)


def _legend_below(axes: Any) -> None:
    legend = axes.figure.legend(
        loc="outside lower left", ncols=3, handletextpad=0.4, columnspacing=1.2, markerscale=1.8
    )
    for handle in legend.legend_handles:
        handle.set_alpha(1)


def _tall(names: Sequence[str]) -> int:
    return 110 + 34 * max(len(names), 3)


def _least(*shares: float) -> float:
    return min((share for share in shares if not math.isnan(share)), default=1.0)


def _plain_ticks(axis: Any, low: float, high: float) -> None:
    """Label a logarithmic axis by powers of two, without exponents."""
    ticks = [2.0**power for power in range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)]
    axis.set_ticks(ticks, [f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)
