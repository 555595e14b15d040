"""The curves of a training run for its page: losses, scores, learning rate, speed and waiting by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dali_ssd.pages.charts import chart, color
from dali_ssd.pages.elements import Chart
from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.meter import STARVED
from dali_ssd.util.words import shortened
from dali_ssd.visualize.lettering import labels_for_matplotlib

__all__ = ["class_chart", "curves", "value_of"]

_LINES = 8
"""Most classes that have a line each; more of them have a row of colors each."""
_NAME = 24
"""Letters of a class name."""
_ROWS = 80
"""Most rows of colors."""


def curves(epochs: Sequence[Entry]) -> list[Chart]:
    """Return charts of the entries of epochs, of which there is one at least."""
    plot = _Plot(epochs)
    charts = [
        plot.lines("Losses", "per positive anchor", {"cross entropy": "cross_entropy", "smooth L1": "smooth_l1"}),
        plot.lines("Learning rate", "", {"learning rate": "lr"}, steps=True),
        plot.lines("Speed", "images/s", {"images/s": "speed"}),
        plot.lines("Waiting for data", "% of the time", {"waiting": "data_share"}, factor=100, mark=100 * STARVED),
    ]
    if any(entry.get("map") is not None for entry in epochs):
        scores = {"mAP (VOC07)": "map"} | ({"COCO AP": "coco_ap"} if any("coco_ap" in one for one in epochs) else {})
        charts.insert(1, plot.lines("Scores", "average precision", scores, top=1.0))
    return charts


def class_chart(epochs: Sequence[Entry], classes: Sequence[str]) -> Chart:
    """Return a chart of the average precision of each class; one of `epochs` at least has an `ap`."""
    scored = [entry for entry in epochs if entry.get("ap")]
    x, span = _ends(scored), _span(epochs)
    values = np.array([[value_of(entry["ap"], name) for entry in scored] for name in classes])
    if len(classes) <= _LINES:
        return _class_lines(x, span, values, classes)
    order = np.argsort(-np.nan_to_num(values[:, -1], nan=-1.0), kind="stable")
    cut = len(order) > _ROWS
    shown = np.concatenate([order[: _ROWS // 2], order[-_ROWS // 2 :]]) if cut else order
    return _class_rows(x, span, values[shown], [classes[i] for i in shown], cut=cut)


def value_of(values: Any, name: str) -> float:
    """Return a number of an entry; NaN if it has none."""
    value = values.get(name)
    return float(value) if isinstance(value, int | float) else math.nan


class _Plot:
    def __init__(self, epochs: Sequence[Entry]) -> None:
        self._epochs = epochs
        self._x, self._span = _ends(epochs), _span(epochs)

    def lines(
        self, title: str, unit: str, names: dict[str, str], *, factor: float = 1, top: float | None = None,
        mark: float | None = None, steps: bool = False,
    ) -> Chart:  # fmt: skip
        """Return a chart with a line for each of `names`, fields of the entries by their words.

        Args:
            title: of the chart.
            unit: of the numbers.
            names: see above.
            factor: by which numbers are multiplied.
            top: upper end of the axis, by default a little above the numbers.
            mark: a height from which on the data is the bottleneck, where a thin line is drawn.
            steps: a number holds from an epoch's begin to its end; the axis is logarithmic if it falls far.
        """
        values = {word: [factor * value_of(entry, field) for entry in self._epochs] for word, field in names.items()}

        def paint(axes: Any) -> None:
            for number, (word, line) in enumerate(values.items()):
                x, y = _measured(self._x, line)
                if steps and x:  # from the begin of the first epoch
                    x, y = [x[0] - 1, *x], [y[0], *y]
                style = {"drawstyle": "steps-pre"} if steps else {"marker": "o" if len(x) < 40 else "", "markersize": 3}
                axes.plot(x, y, color=color(number), label=word, **style)
            if mark is not None:  # before the limits of the axis, which has it in any case
                label = "from here on, the data is the bottleneck"
                axes.axhline(mark, color=color(3), linewidth=1.5, linestyle=":", label=label)
            known = [value for line in values.values() for value in line if value > 0]
            if steps and known and max(known) > 5 * min(known):
                axes.set_yscale("log")
            else:
                axes.set_ylim(bottom=0, top=top)
            _finish(axes, title, unit, self._span, legend=len(values) > 1 or mark is not None)

        ends = ", ".join(f"{word} {_last(line)}" for word, line in values.items())
        return chart(paint, f"{title} by epoch; at last {ends}")


def _class_lines(x: Sequence[int], span: tuple[int, int], values: NDArray[np.float64], classes: Sequence[str]) -> Chart:
    labels, properties = labels_for_matplotlib(shortened(name, _NAME) for name in classes)

    def paint(axes: Any) -> None:
        for number, (label, line) in enumerate(zip(labels, values, strict=True)):
            marker = "o" if len(x) < 40 else ""
            axes.plot(*_measured(x, line), color=color(number), label=label, marker=marker, markersize=3)
        axes.set_ylim(0, 1)
        _finish(axes, "Average precision of each class", "", span, legend=True)
        for text in axes.get_legend().get_texts():
            text.set(**properties)

    ends = ", ".join(f"{name} {_last(line)}" for name, line in zip(classes, values, strict=True))
    return chart(paint, f"Average precision of each class by epoch; at last {ends}", size=(440, 280))


def _class_rows(
    x: Sequence[int], span: tuple[int, int], values: NDArray[np.float64], classes: Sequence[str], *, cut: bool
) -> Chart:
    labels, properties = labels_for_matplotlib(shortened(name, _NAME) for name in classes)

    def paint(axes: Any) -> None:
        # Columns end at their epochs, and begin where the ones before end.
        image = axes.pcolormesh(
            [span[0], *x], np.arange(len(classes) + 1), values, vmin=0, vmax=1, cmap="viridis",
            rasterized=True,
        )  # fmt: skip
        axes.set_yticks(np.arange(len(classes)) + 0.5, labels, **properties)
        axes.invert_yaxis()
        axes.figure.colorbar(image, ax=axes, label="average precision", shrink=min(1.0, 16 / len(classes)), aspect=12)
        axes.grid(False)
        _finish(axes, "", "", span, legend=False)

    caption = (
        f"The {_ROWS // 2} classes with the highest and the {_ROWS // 2} with the lowest score at last" if cut else ""
    )
    alt = f"Average precision by epoch of each of {len(classes)} classes, the best at last on top"
    return chart(paint, alt, caption, size=(440, 90 + 15 * len(classes)))


def _ends(epochs: Sequence[Entry]) -> list[int]:
    """Return where the numbers of epochs stand: at their ends, counted from 1."""
    return [entry["epoch"] + 1 for entry in epochs]


def _span(epochs: Sequence[Entry]) -> tuple[int, int]:
    """Return the begin of the first epoch and the end of the last, which all charts have in common."""
    return epochs[0]["epoch"], epochs[-1]["epoch"] + 1


def _finish(axes: Any, title: str, unit: str, span: tuple[int, int], *, legend: bool) -> None:
    axes.set_title(f"{title}, {unit}" if unit else title)
    axes.set_xlabel("epoch")
    begin, end = span
    axes.set_xlim(begin, end + 0.03 * (end - begin))  # so that a marker at the end is whole
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    if legend:
        axes.legend(loc="best", handlelength=1.4)


def _measured(x: Sequence[int], line: Sequence[float] | NDArray[np.float64]) -> tuple[list[int], list[float]]:
    """Return the points of a line that were measured: epochs without a validation lie between those that have one.

    Losses that are not finite are left out as well: a run ends by its first.
    """
    pairs = [(at, float(value)) for at, value in zip(x, line, strict=True) if math.isfinite(value)]
    return [at for at, _ in pairs], [value for _, value in pairs]


def _last(line: Sequence[float] | NDArray[np.float64]) -> str:
    known = [value for value in line if math.isfinite(value)]
    return f"{known[-1]:.3g}" if known else "not known"
