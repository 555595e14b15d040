"""Detections as bytes, and back to the bit."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dali_ssd.metrics.detections import Detections, detections_from_bytes, detections_to_bytes


def some(found: int, true: int) -> Detections:
    rng = np.random.default_rng(found * 10 + true)
    return Detections(
        rng.normal(size=(found, 4)).astype(np.float32),
        rng.integers(0, 9, found, np.int32),
        rng.random(found, np.float32),
        rng.normal(size=(true, 4)).astype(np.float32),
        rng.integers(0, 9, true, np.int32),
        rng.integers(0, 2, true).astype(bool),
    )


@st.composite
def detections(draw: Any) -> Detections:
    """Any numbers, also those that are not finite."""
    found, true = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    dtypes = {"boxes": np.float32, "true_boxes": np.float32, "scores": np.float32, "difficult": np.bool_}
    rows = {"true_boxes": true, "true_ids": true, "difficult": true}
    made = {}
    for field in fields(Detections):
        shape = (rows.get(field.name, found), *([4] if "boxes" in field.name else []))
        made[field.name] = draw(arrays.arrays(dtypes.get(field.name, np.int32), shape))
    return Detections(**made)


def require_same(one: list[Detections], other: list[Detections]) -> None:
    assert len(one) == len(other)
    for first, second in zip(one, other, strict=True):
        for field in fields(Detections):
            a, b = getattr(first, field.name), getattr(second, field.name)
            assert (a.dtype, a.shape) == (b.dtype, b.shape), field.name
            assert a.tobytes() == b.tobytes(), field.name


@settings(max_examples=60)
@example([])
@example([some(0, 0)])
@example([some(0, 0), some(0, 0), some(0, 0)])
@example([some(0, 3), some(2, 0), some(0, 0), some(1, 1), some(0, 0)])
@given(st.lists(detections(), max_size=6))
def test_they_come_back_to_the_bit(images: list[Detections]) -> None:
    require_same(detections_from_bytes(detections_to_bytes(images)), images)


@pytest.mark.parametrize("size", [2, 3])
def test_parts_one_after_the_other_are_the_whole(size: int) -> None:
    images = [some(number % 4, number % 3) for number in range(11)]
    parts = [images[len(images) * part // size : len(images) * (part + 1) // size] for part in range(size)]
    joined = [image for part in parts for image in detections_from_bytes(detections_to_bytes(part))]
    require_same(joined, images)
