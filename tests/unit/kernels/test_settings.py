"""Every number of an augmentation reaches the plans: with another value, other plans are drawn."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dali_ssd.config import AugmentConfig
from dali_ssd.records.format.labels import build_label
from tests.support.planning import draw_plan
from tests.support.variations import variations

NAMES = [one.name for one in fields(AugmentConfig)]
HALF: dict[str, Any] = {name: 0.5 for name in NAMES if name.endswith("_probability")}
USUAL = AugmentConfig(**HALF)
"""The defaults, with all changes in half of the images: also those that are off by default."""
STEP = 0.5
BY_HAND = {"crop_attempts": [replace(USUAL, crop_attempts=1)]}
"""Where the next number is too near: hardly any crop needs exactly 50 attempts."""
LABEL = build_label([(0.1, 0.2, 0.5, 0.7), (0.4, 0.3, 0.9, 0.8)], [0, 1])
"""Two objects, so that there are crops that do not have the least IoU with both."""


def drawn(augment: AugmentConfig) -> npt.NDArray[np.float32]:
    return np.array([draw_plan(LABEL, (200, 300), (seed, 7), augment).vector for seed in range(100)])


@pytest.mark.parametrize("name", NAMES)
def test_every_number_reaches_the_plans(name: str) -> None:
    """And each end of a range for itself. A new field is tried as its type has it, or listed by hand."""
    others = BY_HAND.get(name) or list(variations(USUAL, name, STEP))
    assert others, f"no other value of {name} was found: list some by hand"
    usual = drawn(USUAL)
    without_effect = [getattr(other, name) for other in others if np.array_equal(drawn(other), usual)]
    assert not without_effect, f"plans do not depend on {name}"
