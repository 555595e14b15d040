"""Filter tables against dense weight matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.config import INTERPOLATIONS
from dali_ssd.kernels.filters import axis_table, filter_weights
from tests.support import oracle


def dense(table: tuple[Any, ...], size: int, length: int) -> npt.NDArray[np.float64]:
    first, weights, *_ = table
    matrix = np.zeros((size, length))
    for i in range(size):
        matrix[i, first[i] : first[i] + len(weights)] = weights[:, i]
    return matrix


@given(
    kind=st.sampled_from(INTERPOLATIONS),
    size=st.integers(1, 40),
    low=st.integers(-60, 30),
    extent=st.integers(1, 120),
    length=st.integers(1, 60),
    mirrored=st.booleans(),
)
def test_a_table_is_the_dense_matrix_cut_to_the_region(
    kind: str, size: int, low: int, extent: int, length: int, mirrored: bool
) -> None:
    high = low + extent
    table = axis_table(INTERPOLATIONS.index(kind), size, low, high, length, mirrored)
    first, weights, cover, begin, end = table
    assert first.shape == weights.shape[1:] == cover.shape == (size,)
    assert (first >= 0).all() and (first + len(weights) <= length).all()

    wanted = np.zeros((size, length))
    matrix = oracle.weight_matrix(kind, size, extent, low)
    if mirrored:
        matrix = matrix[::-1]
    inside = np.arange(max(low, 0), min(high, length))
    wanted[:, inside] = matrix[:, inside - low]
    np.testing.assert_allclose(dense(table, size, length), wanted, atol=2e-6)
    np.testing.assert_allclose(cover, wanted.sum(axis=1), atol=2e-6)
    shown = np.flatnonzero(np.abs(wanted).max(axis=1) > 1e-6)
    if shown.size:
        assert begin <= shown[0] and shown[-1] < end
    assert not np.abs(dense(table, size, length)[:begin]).any() and not np.abs(dense(table, size, length)[end:]).any()


@pytest.mark.parametrize("kind", INTERPOLATIONS)
@pytest.mark.parametrize("mirrored", [False, True])
def test_first_pixels_of_an_unmirrored_table_never_go_back(kind: str, mirrored: bool) -> None:
    first, *_ = axis_table(INTERPOLATIONS.index(kind), 50, -13, 170, 120, mirrored)
    steps = np.diff(first) * (-1 if mirrored else 1)
    assert (steps >= 0).all()


@pytest.mark.parametrize("kind", ["linear", "cubic", "area", "lanczos"])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.7])
def test_weights_are_the_published_filters(kind: str, scale: float) -> None:
    radius = {"linear": 1.0, "cubic": 2.0, "area": (scale + 1) / 2, "lanczos": 3.0}[kind]
    reach = math.ceil(2 * radius)
    distances = np.linspace(-radius, 1 - radius, 101)
    found = filter_weights(INTERPOLATIONS.index(kind), distances, radius, reach)
    for k, weights in enumerate(found):
        np.testing.assert_allclose(weights, oracle.filter_values(kind, distances + k, scale), atol=1e-9)


@pytest.mark.parametrize(("size", "length"), [(300, 640), (300, 375), (300, 900), (7, 50), (64, 65), (40, 17)])
def test_area_is_opencvs(size: int, length: int) -> None:
    """To shrink and to enlarge; OpenCV works in float32, and passes over less than a thousandth of a pixel."""
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).uniform(0, 255, (length, length)).astype(np.float32)
    matrix = dense(axis_table(INTERPOLATIONS.index("area"), size, 0, length, length, False), size, length)
    wanted = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(matrix @ image @ matrix.T, wanted, rtol=0, atol=0.01)


@pytest.mark.parametrize("beside", [0.0, 1e-12, 1e-9, 9e-7, 9e-6, 1.1e-5, 1e-4, 1e-3, 0.3])
def test_lanczos_weights_are_right_beside_whole_pixels_too(beside: float) -> None:
    distances: npt.NDArray[np.float64] = np.array([-3.0 + beside, -2.0 - beside])
    found = filter_weights(INTERPOLATIONS.index("lanczos"), distances, 3.0, 6)
    for k, weights in enumerate(found):
        np.testing.assert_allclose(weights, oracle.filter_values("lanczos", distances + k, 1.0), atol=1e-9)


@pytest.mark.parametrize("kind", INTERPOLATIONS)
def test_same_size_is_the_identity(kind: str) -> None:
    table = axis_table(INTERPOLATIONS.index(kind), 20, 0, 20, 20, False)
    np.testing.assert_allclose(dense(table, 20, 20), np.eye(20), atol=1e-6)


def test_only_area_widens_when_it_shrinks() -> None:
    taps = {kind: axis_table(code, 10, 0, 100, 100, False)[1].shape[0] for code, kind in enumerate(INTERPOLATIONS)}
    assert taps == {"nearest": 1, "linear": 2, "cubic": 4, "area": 11, "lanczos": 6}
