from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dali_ssd.inspection.examine import examine
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.report import ClassFacts, Coverage, Report, Timed
from dali_ssd.inspection.showing.charts import box_chart, class_chart, cost_chart, layer_chart, size_chart
from dali_ssd.pages.charts import color
from dali_ssd.pages.elements import Chart
from dali_ssd.visualize import lettering
from tests.support.charts import axes_of
from tests.support.inspection import varied_shard
from tests.support.made_up import REPORT, class_of

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


Draw = Callable[[Callable[[], Chart]], Any]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Draw a chart, and return its axes."""
    found = axes_of("dali_ssd.inspection.showing.charts", monkeypatch)

    def draw(make: Callable[[], Chart]) -> Any:
        make()
        return found[-1]

    return draw


def bars(axes: Any) -> dict[str, tuple[str, Any]]:
    """Color and lengths of the bars, from above, by what the legend calls them."""
    from matplotlib.colors import to_hex

    found = {}
    for some in axes.containers:
        upright = sorted(some, key=lambda bar: bar.get_y())
        (shade,) = {to_hex(bar.get_facecolor()) for bar in upright}
        found[some.get_label()] = shade, pytest.approx([bar.get_width() for bar in upright])
    return found


def test_stored_and_augmented_have_a_color_each(drawn: Draw) -> None:
    assert bars(drawn(lambda: size_chart(REPORT))) == {
        "stored": (color(0), [0.31, 0.93, 0.99, 0.91]), "augmented": (color(1), [0.22, 0.84, 0.98, 0.82])
    }  # fmt: skip
    assert bars(drawn(lambda: layer_chart(REPORT))) == {
        "stored": (color(0), [0.2 + 0.01 * number for number in range(6)]),
        "augmented": (color(1), [0.1 + 0.01 * number for number in range(6)]),
    }


def test_the_classes_of_least_coverage_are_drawn(drawn: Draw) -> None:
    """Of fifteen, those that are covered worst as stored or in augmented views."""
    shares = {number: (0.5 + 0.02 * number, 0.55 + 0.02 * number) for number in range(15)}
    shares[3], shares[14], shares[5] = (0.95, 0.96), (0.9, 0.1), (0.2, 0.97)
    classes = [class_of(number, 40, *pair) for number, pair in shares.items()]
    axes = drawn(lambda: class_chart(classes))
    names = [14, 5, 0, 1, 2, 4, 6, 7, 8, 9, 10, 11]
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"name-{number}" for number in names]
    assert axes.get_title("left") == "The 12 classes of least coverage"
    assert bars(axes) == {
        "stored": (color(0), [shares[number][0] for number in names]),
        "augmented": (color(1), [shares[number][1] for number in names]),
    }
    assert drawn(lambda: class_chart(classes[:3])).get_title("left") == "Coverage by class"


def points(axes: Any) -> dict[str, tuple[str, list[list[float]]]]:
    """Color and places of the points, by what the legend calls them."""
    from matplotlib.colors import to_hex

    return {
        str(some.get_label()): (to_hex(some.get_facecolor()[0]), some.get_offsets().tolist())
        for some in axes.collections
    }


def test_boxes_are_points_of_width_and_height(drawn: Draw) -> None:
    found = points(drawn(lambda: box_chart(REPORT)))
    assert found["covered (50.0%)"] == (color(0), [[60.0, 40.0]])
    assert found["not covered (50.0%)"] == (
        color(3),
        [[90.0, 90.0]],
    )
    assert [45.0, 45.0] in found["anchor"][1]


def test_the_line_of_costs_is_that_of_the_report(drawn: Draw) -> None:
    some = (Timed(1.0, 8.0, False), Timed(2.0, 30.0, True))
    cost = replace(REPORT.cost, images=some, base_ms=1.5, ms_per_megapixel=9.0)
    axes = drawn(lambda: cost_chart(replace(REPORT, cost=cost)))
    found = points(axes)
    assert found["baseline or other"] == (color(0), [[1.0, 8.0]])
    assert found["progressive JPEG"] == (
        color(1),
        [[2.0, 30.0]],
    )
    (line,) = axes.lines
    assert line.get_xydata().ravel().tolist() == pytest.approx([0, 1.5, 2.1, 1.5 + 9 * 2.1])
