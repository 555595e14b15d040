from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.views.curves import class_chart, curves, value_of


def alts(epochs: list[Entry]) -> list[str]:
    return [chart.alt for chart in curves(epochs)]


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
