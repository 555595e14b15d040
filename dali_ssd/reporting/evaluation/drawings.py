"""The charts of an evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np

from dali_ssd.metrics.analysis import Analysis
from dali_ssd.metrics.curves import Calibration, Curve
from dali_ssd.metrics.voc import RECALLS
from dali_ssd.pages.charts import COLORS, chart
from dali_ssd.pages.elements import Chart
from dali_ssd.reporting.evaluation.kinds import LABELS, counts_of
from dali_ssd.util.words import shortened
from dali_ssd.visualize.lettering import labels_for_matplotlib

__all__ = ["calibration_chart", "curve_chart", "kinds_chart", "scores_chart"]

_BLUE, _ORANGE, _GREEN, _RED, _PURPLE, _BROWN, _PINK, _GRAY = COLORS


def curve_chart(name: str, curve: Curve) -> Chart:
    """Draw precision over recall of a class."""
    ap = float(np.mean(curve.marks))

    def paint(axes: Any) -> None:
        axes.plot(curve.recall, curve.precision, color=_BLUE)
        axes.plot(RECALLS, curve.marks, "o", color=_ORANGE, markersize=4)
        if curve.best is not None:
            axes.plot(curve.best.recall, curve.best.precision, "o", color=_RED, markersize=9, fillstyle="none")
        axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel="recall", ylabel="precision")

    best = f"; best F1 {curve.best.f1:.2f} at score {curve.best.score}" if curve.best else "; nothing found"
    alt = f"Precision over recall of {name}: average precision {ap:.3f}{best}"
    return chart(paint, alt, f"{shortened(name, 60)}: AP {ap:.3f}{best}", size=(408, 250))


def kinds_chart(analysis: Analysis, most: int = 12) -> Chart:
    """Draw how many detections of each class are right and wrong, and how many objects are missed.

    Of many classes, those with the most wrong detections and missed objects are shown.
    """
    bars = [(name, counts_of(analysis, class_id)) for class_id, name in enumerate(analysis.classes)]
    shown = sorted(bars, key=lambda bar: -sum(bar[1][1:]))[:most]

    def paint(axes: Any) -> None:
        from_left = np.zeros(len(shown))
        for number, (label, tone) in enumerate(zip(LABELS, _TONES, strict=True)):
            widths = np.array([counts[number] for _, counts in shown], float)
            axes.barh(range(len(shown)), widths, left=from_left, color=tone, label=label, height=0.7)
            from_left += widths
        labels, properties = labels_for_matplotlib(shortened(name, 24) for name, _ in shown)
        axes.set_yticks(range(len(shown)), labels, **properties)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("detections, and objects missed")
        axes.figure.legend(loc="outside upper left", ncols=3)

    which = "" if len(shown) == len(bars) else f" of the {most} classes with the most errors"
    alt = f"Detections{which} by kind, and objects missed; the table has the numbers"
    return chart(paint, alt, size=(408, 120 + 32 * len(shown)))


def calibration_chart(one: Calibration) -> Chart:
    """Draw the share of right detections over their score."""
    counts = one.right + one.wrong
    full = counts > 0

    def paint(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=_GRAY, linewidth=1)
        axes.plot(one.mean_score[full], one.right[full] / counts[full], "o-", color=_BLUE)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel="score", ylabel="share right")

    caption = f"Share right; expected calibration error {one.error:.3f}, where 0 is best"
    return chart(paint, f"Share of right detections over score; expected calibration error {one.error:.3f}", caption)


def scores_chart(one: Calibration) -> Chart:
    """Draw how many detections have which score, right and wrong ones beside each other."""
    width = float(one.edges[1] - one.edges[0])

    def paint(axes: Any) -> None:
        for offset, counts, label, tone in ((0.28, one.right, "right", _GREEN), (0.72, one.wrong, "wrong", _RED)):
            axes.bar(one.edges[:-1] + offset * width, counts, width=0.4 * width, color=tone, label=label)
        axes.set_yscale("symlog", linthresh=1)
        axes.set(xlim=(0, 1), xlabel="score", ylabel="detections")
        axes.grid(axis="x", visible=False)
        axes.figure.legend(loc="outside upper left", ncols=2)

    return chart(
        paint, "Histogram of scores, right and wrong detections", "Detections by score; the scale is logarithmic"
    )


_TONES = (_GREEN, _BLUE, _PURPLE, _BROWN, _ORANGE, _GRAY)
