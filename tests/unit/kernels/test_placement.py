"""Where a region comes to lie, against the definition in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.config import INTERPOLATIONS
from dali_ssd.kernels.placement import DALI_FILTERS, name_choices, place_region
from dali_ssd.kernels.plan import COLOR, FILTER, MIRROR, PLAN_SIZE, WINDOW

SIZE = 64
Window = tuple[int, int, int, int]


def placed(window: Window, image: tuple[int, int]) -> list[npt.NDArray[Any]]:
    """What the kernel writes for a window `x0 y0 x1 y1` of an image `height width`, decoded as far as it is shown."""
    plan = np.zeros(PLAN_SIZE, np.float32)
    plan[WINDOW : WINDOW + 4] = window
    plan[COLOR:] = np.arange(1, 13)
    shapes: list[tuple[int, ...]] = [(2,), (2,), (2,), (1,), (1,), (3, 4)]
    outs = [np.full(shape, np.nan, np.float32) for shape in shapes]
    place_region(*outs, plan, region(window, image), SIZE)
    return outs


def whole(outs: list[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
    """Visible, low, high, and where the crop begins, y x each; and the color."""
    visible, low, high, top, left, color = outs
    return visible, low, high, np.concatenate([top, left]), color


def region(window: Window, image: tuple[int, int]) -> npt.NDArray[np.int32]:
    (x0, y0, x1, y1), (height, width) = window, image
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    shown = left < right and top < bottom
    return np.array((top, left, bottom - top, right - left) if shown else (0, 0, 1, 1), np.int32)


def covered(low: int, high: int, begin: int, end: int) -> list[int]:
    """Network pixels whose center, with half a thousandth of a pixel to spare, is in the image's low..high."""
    scale = SIZE / (high - low)
    centers = np.arange(SIZE) + 0.5
    inside = (centers >= (begin - low) * scale + 0.001) & (centers <= (end - low) * scale - 0.001)
    return [int(number) for number in np.flatnonzero(inside)]


windows = st.tuples(st.integers(-80, 80), st.integers(-80, 80), st.integers(1, 160), st.integers(1, 160)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
images = st.tuples(st.integers(1, 100), st.integers(1, 100))


@given(windows, images)
def test_the_region_lies_where_the_window_shows_it(window: Window, image: tuple[int, int]) -> None:
    visible, low, high, top_left, color = whole(placed(window, image))
    (top, left, height, width), (x0, y0, x1, y1) = region(window, image), window
    rows = covered(y0, y1, top, top + height)
    columns = covered(x0, x1, left, left + width)
    outside = x1 <= 0 or y1 <= 0 or x0 >= image[1] or y0 >= image[0]
    if outside or not rows or not columns:
        np.testing.assert_array_equal(color, 0)
        return
    np.testing.assert_array_equal(color.ravel(), np.arange(1, 13))
    assert (
        abs(visible[0] - len(rows)) <= 1 and abs(visible[1] - len(columns)) <= 1
    )  # a center on an edge may be either's
    for axis, (begin, length, start, pixels, first) in enumerate(
        ((y0, y1 - y0, top, height, rows[0]), (x0, x1 - x0, left, width, columns[0]))
    ):
        scale = SIZE / length
        at = (low[axis] + start - begin) * scale
        assert abs(at - first) <= 1.01
        np.testing.assert_allclose((high[axis] - low[axis]) * scale, visible[axis], atol=0.01)
        assert -0.51 / scale <= low[axis] and high[axis] <= pixels + 0.51 / scale
        room = visible[axis] - SIZE
        np.testing.assert_allclose(top_left[axis], -at / room if room else 0, atol=0.01 + 0.01 / max(abs(room), 1))


@given(windows, images)
def test_whatever_the_view_there_is_a_pixel_to_resize(window: Window, image: tuple[int, int]) -> None:
    visible, low, high, top_left, color = whole(placed(window, image))
    assert (visible >= 1).all() and (visible <= SIZE).all() and (low < high).all()
    assert np.isfinite(top_left).all() and np.isfinite(color).all()


@pytest.mark.parametrize("kind", range(len(INTERPOLATIONS)))
def test_filters_are_dalis(kind: int) -> None:
    types = pytest.importorskip("nvidia.dali.types").DALIInterpType
    names = ("INTERP_NN", "INTERP_LINEAR", "INTERP_CUBIC", "INTERP_TRIANGULAR", "INTERP_LANCZOS3")
    assert DALI_FILTERS[kind] == int(types.__members__[names[kind]])
    plan = np.zeros(PLAN_SIZE, np.float32)
    plan[FILTER], plan[MIRROR] = kind, 1
    number, mirrored, is_area = np.full(1, -1, np.int32), np.full(1, -1, np.int32), np.array([kind == 0])
    name_choices(number, mirrored, is_area, plan)
    assert (number[0], mirrored[0], is_area[0]) == (DALI_FILTERS[kind], 1, INTERPOLATIONS[kind] == "area")


def test_the_largest_images() -> None:
    visible, low, high, top_left, color = whole(placed((-30000, 0, 65535, 65535), (65535, 65535)))
    assert visible[0] == SIZE and 43 <= visible[1] <= 44 and color.any()
    assert high[0] <= 65536 and np.isfinite(top_left).all() and low[0] >= 0
