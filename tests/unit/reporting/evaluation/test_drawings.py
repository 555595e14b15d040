"""The charts of an evaluation: what is drawn is worked out by hand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from dali_ssd.metrics.analysis import Thresholds, analyze
from dali_ssd.reporting.evaluation.drawings import calibration_chart, curve_chart, kinds_chart, scores_chart
from dali_ssd.visualize import lettering
from tests.support.charts import axes_of
from tests.support.detected import detected
from tests.support.worked import IMAGES, NAMES

ANALYSIS = analyze(IMAGES, NAMES, Thresholds())


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The axes of the charts that a test draws."""
    return axes_of("dali_ssd.reporting.evaluation.drawings", monkeypatch)


def test_a_name_that_no_font_has_is_written_with_question_marks(
    drawn: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lettering, "_system_fonts", list)
    box = (10, 10, 59, 59)
    image = detected([(box, 0, 0.9)], [(box, 0)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Matplotlib's, of a letter that its font lacks
        kinds_chart(analyze([image], ["a \N{HANGUL SYLLABLE GA} $x$"], Thresholds()))
    assert [label.get_text() for label in drawn[0].get_yticklabels()] == ["a ? $x$"]


def test_a_curve_has_its_points_and_a_ring_at_the_best_threshold(drawn: list[Any]) -> None:
    curve = ANALYSIS.curves[0]
    assert curve is not None
    chart = curve_chart("a", curve)
    line, dots, ring = drawn[0].lines
    # 0.92+ 0.82+ 0.72+ 0.65 0.62 0.52 0.45 0.32+; the one at 0.99, of a difficult object, is no point.
    hits = np.array([1, 2, 3, 3, 3, 3, 3, 4])
    np.testing.assert_allclose(line.get_xydata(), np.stack([hits / 5, hits / np.arange(1, 9)], axis=1))
    np.testing.assert_allclose(dots.get_xdata(), np.arange(11) / 10)
    assert list(dots.get_ydata()) == [1] * 6 + [0.5] * 3 + [0] * 2, "VOC's seventh recall is a little more than 3/5"
    assert ring.get_xydata().tolist() == [[3 / 5, 1]]
    assert chart.caption == f"a: AP {7.5 / 11:.3f}; best F1 0.75 at score 0.72"


def test_bars_are_the_counts_of_each_class_the_most_errors_on_top(drawn: list[Any]) -> None:
    kinds_chart(ANALYSIS)
    axes = drawn[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"], "b has 7 errors, a 6"
    assert axes.yaxis_inverted()
    bars = {bar.get_label(): [(one.get_x(), one.get_width()) for one in bar] for bar in axes.containers}
    assert bars == {
        "right": [(0, 1), (0, 3)],
        "badly placed": [(1, 0), (3, 1)],
        "another class": [(1, 0), (4, 2)],
        "duplicate": [(1, 1), (6, 0)],
        "background": [(2, 5), (6, 1)],
        "missed": [(7, 1), (7, 2)],
    }


def test_of_many_classes_those_with_the_most_errors_are_drawn(drawn: list[Any]) -> None:
    chart = kinds_chart(ANALYSIS, most=1)
    assert [label.get_text() for label in drawn[0].get_yticklabels()] == ["b"]
    assert "of the 1 classes with the most errors" in chart.alt


def test_calibration_is_the_share_that_is_right_over_the_mean_score(drawn: list[Any]) -> None:
    calibration_chart(ANALYSIS.calibration)
    _, line = drawn[0].lines
    means = [0.32, (0.45 + 0.44 + 0.41) / 3, (0.55 + 0.52 + 0.51) / 3, 0.635, 0.735, 0.835, 0.945]
    np.testing.assert_allclose(line.get_xdata(), means, rtol=1e-6)
    assert line.get_ydata().tolist() == [1, 0, 0, 0, 1 / 2, 1 / 2, 1]


def test_scores_are_counted_right_and_wrong(drawn: list[Any]) -> None:
    scores_chart(ANALYSIS.calibration)
    bars = {bar.get_label(): [one.get_height() for one in bar] for bar in drawn[0].containers}
    assert bars == {"right": [0, 0, 0, 1, 0, 0, 0, 1, 1, 2], "wrong": [0, 0, 0, 0, 3, 3, 2, 1, 1, 0]}
