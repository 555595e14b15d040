"""The charts of an evaluation: what is drawn is worked out by hand."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from dali_ssd.metrics.analysis import Thresholds, analyze
from dali_ssd.reporting.evaluation.drawings import kinds_chart
from dali_ssd.visualize import lettering
from tests.support.charts import axes_of
from tests.support.detected import detected

BOX, BESIDE, FAR = (10, 10, 59, 59), (30, 10, 79, 59), (200, 200, 220, 220)
"""Beside overlaps the box by 30 of 70 columns."""


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The axes of the charts that a test draws."""
    return axes_of("dali_ssd.reporting.evaluation.drawings", monkeypatch)


def test_a_name_that_no_font_has_is_written_with_question_marks(
    drawn: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lettering, "_system_fonts", list)
    image = detected([(BOX, 0, 0.9)], [(BOX, 0)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Matplotlib's, of a letter that its font lacks
        kinds_chart(analyze([image], ["a \N{HANGUL SYLLABLE GA} $x$"], Thresholds()))
    assert [label.get_text() for label in drawn[0].get_yticklabels()] == ["a ? $x$"]
