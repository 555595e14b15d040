"""Parts of images: what is cut, and where boxes are in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.visualize.crops import cut_around
from dali_ssd.visualize.grid import Tile

place = st.floats(-50, 250, width=32)


def tile(height: int, width: int, box: tuple[float, ...]) -> Tile:
    """An image whose pixels say where they are."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, rows * 0], axis=2).astype(np.uint8)
    boxes = np.array([box], np.float32)
    return Tile(image, boxes, np.zeros(1, np.int32), faint_boxes=boxes)


@given(st.integers(1, 200), st.integers(1, 200), st.tuples(place, place, place, place))
def test_a_part_is_where_its_boxes_say(height: int, width: int, box: tuple[float, ...]) -> None:
    whole = tile(height, width, box)
    part = cut_around(whole, whole.boxes[0])
    top, left = (int(value) for value in part.image[0, 0, :2])
    rows, columns = part.image.shape[:2]
    np.testing.assert_array_equal(part.image, whole.image[top : top + rows, left : left + columns])
    np.testing.assert_allclose(part.boxes[0], whole.boxes[0] - [left, top, left, top], atol=1e-3)
    assert part.faint_boxes is not None
    np.testing.assert_array_equal(part.faint_boxes, part.boxes)
    assert min(height, 64) <= rows <= height and min(width, 64) <= columns <= width


def test_it_is_around_the_box() -> None:
    part = cut_around(whole := tile(200, 200, (80, 60, 120, 100)), whole.boxes[0], around=2)
    assert part.image.shape == (80, 80, 3) and part.boxes.tolist() == [[20, 20, 60, 60]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_around_a_box_that_is_nowhere_the_whole_is_shown(bad: float) -> None:
    whole = tile(100, 120, (0, 0, bad, 10))
    assert cut_around(whole, whole.boxes[0]) is whole
