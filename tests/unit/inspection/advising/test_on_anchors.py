"""Advice on anchors just below and just above each limit, and the numbers in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dali_ssd.config import InputConfig
from dali_ssd.inspection.advising.grounds import Grounds
from dali_ssd.inspection.advising.on_anchors import advise_on_anchors
from dali_ssd.inspection.numbers import Spread
from dali_ssd.inspection.report import Advice, Alternative, Milder
from tests.support.made_up import BETTER, NETWORK, REPORT, changed, said

FITTED = replace(BETTER, sizes=(10, 20), ratios=((1.0, 2.0, 1 / 3),))
LARGER = replace(BETTER, data_shape=512)
MANY = replace(REPORT.sample, objects=200)


def advice(grounds: Grounds, topic: str) -> Advice | None:
    found = {one.topic: one for one in advise_on_anchors(grounds)}
    assert set(found) <= {topic}
    return found.get(topic)


def fitted(one: Alternative) -> Grounds:
    return changed(fitted=one, sample=MANY)


def larger(*some: Alternative) -> Grounds:
    return changed(alternatives=(NETWORK, *some))


def milder(class_mean: float) -> Grounds:
    return changed(milder=Milder((1.0, 2.0), 4, 310, 0.93, class_mean))


GAINS: dict[str, Callable[[float], Grounds]] = {
    "Anchor sizes": lambda mean: fitted(replace(FITTED, class_mean=mean)),
    "Larger input": lambda mean: larger(replace(LARGER, class_mean=mean)),
    "Shrinking augmentation": milder,
}


@pytest.mark.parametrize("topic", GAINS)
def test_a_gain_of_two_percent_is_worth_a_word(topic: str) -> None:
    grounds = GAINS[topic]
    assert NETWORK.class_mean == 0.85
    assert advice(grounds(0.8699), topic) is None and advice(grounds(0.8701), topic) is not None


def test_anchors_are_fitted_to_two_hundred_objects_or_more() -> None:
    assert advice(fitted(FITTED), "Anchor sizes") is not None
    assert advice(changed(fitted=FITTED, sample=replace(MANY, objects=199)), "Anchor sizes") is None


def test_what_fitted_anchors_gain_is_said() -> None:
    found = advice(fitted(FITTED), "Anchor sizes")
    assert found is not None
    assert "300" in found.seen and said(found.seen, "91.0%", "82.0%", " 7.0%", "16.0%")
    assert said(found.costs, " 8 anchors in the median")
    assert said(found.do, "99.0%", "95.0%", "97.0%") and said(found.do, "9,000 anchors in place of 8,732")


def test_the_network_itself_at_a_larger_size_comes_before_others() -> None:
    other = replace(LARGER, names=("other", "another"), before=0.999, after=0.998, class_mean=0.99)
    found = advice(larger(other, LARGER), "Larger input")
    assert found is not None and "--network vgg16_atrous --data-shape 512" in found.command
    assert said(found.seen, "vgg16_atrous", "512", "99.0%", "95.0%", "300", "91.0%", "82.0%")
    assert found.costs.startswith("2.9 times as many pixels")
    few = replace(other, names=("least",), class_mean=0.88)
    found = advice(larger(few, other), "Larger input")
    assert found is not None and "--network other --data-shape 512" in found.command and "99.9%" in found.seen


def test_a_smaller_input_is_none_to_advise() -> None:
    assert advice(larger(replace(BETTER, data_shape=299)), "Larger input") is None
    assert advice(larger(replace(BETTER, names=("other",))), "Larger input") is None


def test_the_recipe_of_a_larger_input_is_asked_for() -> None:
    grounds = larger(LARGER)
    config = replace(grounds.config, input=InputConfig(recipe="ssd300"))
    found = advice(replace(grounds, config=config), "Larger input")
    assert found is not None and "ssd300" in found.do and "--recipe" not in found.command


def test_what_shrinking_costs_is_said() -> None:
    found = advice(milder(0.9), "Shrinking augmentation")
    assert found is not None
    assert said(found.seen, "91.0%", "82.0%", "50% of the views", "up to 4 times") and "93.0%" in found.do


def tiny(*points: tuple[float, float], median: float = 50) -> Advice | None:
    side = Spread(1, 3.2, median, 70, 80)
    return advice(changed(points=tuple((*one, False) for one in points), side=side), "Tiny objects")


def test_tiny_objects_are_a_twentieth() -> None:
    assert REPORT.layers[0].layer.step == 8
    large = (90.0, 90.0)
    assert tiny((7.9, 8.0), *[large] * 20) is None
    found = tiny((7.9, 8.0), *[large] * 19)
    assert found is not None and said(found.seen, "5.0% of the objects", "8 px", "50.0 px", "3.2 px")
    assert tiny((8.0, 8.0), large) is None


def test_tiny_is_by_area() -> None:
    found = tiny((2.0, 20.0), (20.0, 3.0), (7.0, 90.0), (90.0, 7.0))
    assert found is not None and "50.0%" in found.seen


def test_the_input_that_tiny_objects_need_shows_the_median_in_two_cells() -> None:
    """Of 300 pixels, 7 become 16 in 686, which is 704 in whole cells of the coarser maps."""
    found = tiny((4.0, 4.0), median=7)
    assert found is not None and " 704 px" in found.do
    found = tiny((4.0, 4.0), median=5)
    assert found is not None and " 960 px" in found.do
