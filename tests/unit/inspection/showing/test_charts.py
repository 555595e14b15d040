from __future__ import annotations

import math
import warnings
from dataclasses import replace

import pytest

from dali_ssd.inspection.examine import examine
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.report import ClassFacts, Coverage, Report
from dali_ssd.inspection.showing.charts import box_chart, class_chart
from dali_ssd.visualize import lettering
from tests.support.charts import axes_of
from tests.support.inspection import varied_shard

pytest.importorskip("matplotlib")

UNKNOWN = Coverage(0, math.nan, math.nan, math.nan, math.nan)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return examine(InspectConfig((str(varied_shard(tmp_path_factory.mktemp("varied"))),), views=1)).report


def test_a_few_boxes_that_no_anchor_covers_are_no_zero_percent(report: Report) -> None:
    points = tuple((50.0, 50.0, number >= 3) for number in range(1000))
    svg = box_chart(replace(report, boxes=replace(report.boxes, points=points))).svg
    assert "covered (99.7%)" in svg and "not covered (0.3%)" in svg


def test_a_share_that_is_not_known_has_no_bar() -> None:
    half = Coverage(10, 0.5, 0.1, 0.0, 3.0)
    none, zero = (
        class_chart([ClassFacts(0, "a", 1, 10, 0, half, after)]).svg for after in (UNKNOWN, replace(half, covered=0.0))
    )
    assert none.count("no objects") == 1 and "no objects" not in zero and ">nan" not in none


def test_a_name_that_no_font_has_is_written_with_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = axes_of("dali_ssd.inspection.showing.charts", monkeypatch)
    monkeypatch.setattr(lettering, "_system_fonts", list)
    half = Coverage(10, 0.5, 0.1, 0.0, 3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Matplotlib's, of a letter that its font lacks
        class_chart([ClassFacts(0, "a \N{HANGUL SYLLABLE GA} $x$", 1, 10, 0, half, half)])
    assert [label.get_text() for label in drawn[0].get_yticklabels()] == ["a ? $x$"]
