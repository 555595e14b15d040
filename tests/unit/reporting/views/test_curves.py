from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.views.curves import class_chart, curves, value_of
from tests.support.charts import axes_of


def alts(epochs: list[Entry]) -> list[str]:
    return [chart.alt for chart in curves(epochs)]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The axes of the charts that a test draws."""
    return axes_of("dali_ssd.reporting.views.curves", monkeypatch)


def rate_line(drawn: list[Any]) -> list[tuple[float, float]]:
    (rate,) = (axes for axes in drawn if axes.get_title(loc="left") == "Learning rate")
    return [(float(x), float(y)) for x, y in rate.lines[0].get_xydata()]


def rows_of(drawn: list[Any]) -> dict[str, list[float]]:
    """The rows of the chart of many classes from the top, which is where the axis begins, and their values."""
    [axes] = drawn
    low, high = axes.get_ylim()
    assert low > high
    values = axes.collections[0].get_array().reshape(len(axes.get_yticks()), -1)
    return {label.get_text(): list(row) for label, row in zip(axes.get_yticklabels(), values, strict=True)}


def test_the_rate_of_the_first_epoch_is_drawn(drawn: list[Any], epoch: Callable[..., Entry]) -> None:
    curves([epoch(0)])
    assert rate_line(drawn) == [(0, 0.1), (1, 0.1)]
    drawn.clear()
    curves([epoch(3, lr=0.5), epoch(4, lr=0.25)])
    assert rate_line(drawn) == [(3, 0.5), (4, 0.5), (5, 0.25)]


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("classes", [2, 12])
def test_all_charts_have_the_same_epochs(
    drawn: list[Any], epoch: Callable[..., Entry], count: int, classes: int
) -> None:
    names = [str(number) for number in range(classes)]
    epochs = [epoch(number, ap=dict.fromkeys(names, 0.5)) for number in range(count)]
    for entry in epochs[:-1]:
        if entry["epoch"] % 3 != 2:  # as by --val-interval 3, and the last one
            entry |= {"map": None, "coco_ap": None, "ap": {}}
    curves(epochs)
    class_chart(epochs, names)
    assert len(drawn) == 6
    for axes in drawn:
        low, high = axes.get_xlim()
        assert (low, high) == (0, pytest.approx(1.03 * count))
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert ticks and all(tick == round(tick) for tick in ticks)


def test_the_line_at_which_data_is_short_is_explained(drawn: list[Any], epoch: Callable[..., Entry]) -> None:
    curves([epoch(0), epoch(1)])
    texts = [text.get_text() for axes in drawn if axes.get_legend() for text in axes.get_legend().get_texts()]
    assert "from here on, the data is the bottleneck" in texts
    (waiting,) = (axes for axes in drawn if axes.get_title(loc="left").startswith("Waiting"))
    low, high = waiting.get_ylim()
    assert low == 0 and high > 10  # though the run waited for 2 %


@pytest.mark.parametrize(("rates", "scale"), [((1.0, 0.5, 0.25), "linear"), ((1.0, 0.5, 0.125), "log")])
def test_a_rate_that_falls_far_has_a_logarithmic_axis(
    drawn: list[Any], epoch: Callable[..., Entry], rates: tuple[float, ...], scale: str
) -> None:
    """Other numbers have a linear one from 0 on, however far they fall."""
    curves([epoch(number, lr=rate, cross_entropy=100 * rate**4) for number, rate in enumerate(rates)])
    scales = {axes.get_title(loc="left").partition(",")[0]: axes.get_yscale() for axes in drawn}
    assert scales.pop("Learning rate") == scale and set(scales.values()) == {"linear"}


def test_classes_are_sorted_by_their_last_score(drawn: list[Any], epoch: Callable[..., Entry]) -> None:
    """Each row has the colors of its own class; one without a score is the last."""
    names = [f"class {number}" for number in range(9)]
    first = dict(zip(names, (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1), strict=True))
    last = dict(zip(names, (0.1, 0.9, 0.0, None, 0.3, 0.8, 0.2, 0.6, 0.5), strict=True))
    class_chart([epoch(0, ap=first), epoch(1, ap=last)], names)
    rows = rows_of(drawn)
    assert list(rows) == [f"class {number}" for number in (1, 5, 7, 8, 4, 6, 0, 2, 3)]
    assert {name: values[0] for name, values in rows.items()} == first
    assert {name: values[1] for name, values in rows.items() if name != "class 3"} == {
        name: value for name, value in last.items() if name != "class 3"
    }


def test_of_many_classes_both_ends_are_shown(drawn: list[Any], epoch: Callable[..., Entry]) -> None:
    names = [f"class {number}" for number in range(100)]
    scores = {name: number / 100 for number, name in enumerate(names)}
    class_chart([epoch(0, ap=scores)], names)
    assert list(rows_of(drawn)) == [*names[:59:-1], *names[39::-1]]


def test_charts_say_what_they_show(epoch: Callable[..., Entry]) -> None:
    assert alts([epoch(0), epoch(1, lr=0.01)]) == [
        "Losses by epoch; at last cross entropy 1, smooth L1 1.5",
        "Scores by epoch; at last mAP (VOC07) 0.1, COCO AP 0.05",
        "Learning rate by epoch; at last learning rate 0.01",
        "Speed by epoch; at last images/s 80",
        "Waiting for data by epoch; at last waiting 2",
    ]


def test_what_was_not_measured_is_left_out(epoch: Callable[..., Entry]) -> None:
    """Epochs without a validation, losses that are not finite, and histories of older versions."""
    plain = {"kind": "epoch", "epoch": 0, "step": 1, "lr": 0.1, "cross_entropy": None, "smooth_l1": None}
    assert [alt.partition(" by ")[0] for alt in alts([plain])] == [
        "Losses",
        "Learning rate",
        "Speed",
        "Waiting for data",
    ]
    assert "smooth L1 not known" in alts([plain])[0]
    scored = alts([epoch(0), epoch(1, map=None, coco_ap=None)])
    assert scored[1] == "Scores by epoch; at last mAP (VOC07) 0, COCO AP 0"


@pytest.mark.parametrize(
    ("count", "words"), [(3, "class 2 0.3"), (9, "each of 9 classes"), (200, "each of 80 classes")]
)
def test_classes_have_lines_or_rows(epoch: Callable[..., Entry], count: int, words: str) -> None:
    names = [f"class {number}" for number in range(count)]
    scores: dict[str, float | None] = dict.fromkeys(names, 0.3)
    scores["class 1"] = None
    chart = class_chart([epoch(0, ap=scores), epoch(5, ap=scores)], names)
    assert words in chart.alt
    assert ("40 classes" in chart.caption) == (count == 200)


@pytest.mark.parametrize("name", ["$x_", "$a$", "_hidden", "<script>alert(1)</script>", "\n", "猫", "a" * 500])
def test_names_are_data(epoch: Callable[..., Entry], name: str) -> None:
    for names in ([name], [name, *map(str, range(9))]):
        svg = class_chart([epoch(0, ap={name: 0.5})], names).svg
        assert "<script" not in svg


def test_a_number_that_is_not_there_is_nan() -> None:
    assert value_of({"a": 1}, "a") == 1
    assert math.isnan(value_of({"a": None}, "a")) and math.isnan(value_of({}, "a"))
