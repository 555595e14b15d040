from __future__ import annotations

import math
from dataclasses import replace

from dali_ssd.inspection.advising.grounds import gain, worst_class
from tests.support.made_up import BETTER, NETWORK, REPORT, class_of, said


def test_a_gain_is_what_others_have_more() -> None:
    assert math.isclose(gain(NETWORK, BETTER), 0.12) and math.isclose(gain(BETTER, NETWORK), -0.12)


def test_the_worst_class_is_that_of_augmented_views() -> None:
    classes = (class_of(0, 40, 0.2, 0.7), class_of(1, 50, 0.9, 0.4), class_of(2, 30, 0.5, 0.5), class_of(3, 0, 0, 0))
    words = worst_class(replace(REPORT, classes=classes))
    assert said(words, "name-1", "40.0%") and words.count("name") == 1


def test_of_one_class_there_is_no_worst() -> None:
    assert worst_class(replace(REPORT, classes=(class_of(0, 40), class_of(1, 0)))) == ""
