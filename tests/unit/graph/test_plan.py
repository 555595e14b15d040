"""Reading labels in the plan kernels, and the plan of a whole image."""

from __future__ import annotations

from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dali_ssd.config import CoordinateUnit, RenderConfig
from dali_ssd.kernels.augment.color import normalization
from dali_ssd.records.format.labels import build_label, parse_label
from tests.support.planning import draw_plan, plan_whole

FRACTION = st.floats(0, 1, width=32)
MARK = st.sampled_from([0.0, 1.0, -1.0, 0.5])


@st.composite
def valid_labels(draw: st.DrawFn) -> npt.NDArray[np.float32]:
    """Labels of any header, width and number of objects, rows without an object among them."""
    count = draw(st.integers(0, 8))
    boxes = np.array([[draw(FRACTION) for _ in range(4)] for _ in range(count)], np.float32).reshape(-1, 4)
    ids = draw(st.lists(st.integers(-1, 90), min_size=count, max_size=count))
    header = draw(st.lists(st.floats(-5, 5, width=32), max_size=4))
    marks = draw(st.sampled_from([None, "some"]))
    difficult = None if marks is None else draw(st.lists(MARK, min_size=count, max_size=count))
    extra = np.ones((count, draw(st.integers(1, 3)))) if marks and draw(st.booleans()) and count else None
    return build_label(boxes, ids, difficult, extra, header)


@given(label=valid_labels(), shape=st.tuples(st.integers(1, 3000), st.integers(1, 3000)))
def test_a_label_reads_as_in_records_labels(label: npt.NDArray[np.float32], shape: tuple[int, int]) -> None:
    objects = parse_label(label)
    upright = (objects.boxes[:, :2] < objects.boxes[:, 2:]).all(axis=1)
    found = plan_whole(label, shape, size=100).objects
    np.testing.assert_allclose(found[:, :4], objects.boxes[upright] * 100, rtol=1e-6, atol=1e-5)
    np.testing.assert_array_equal(found[:, 4], objects.class_ids[upright])
    np.testing.assert_array_equal(found[:, 5], objects.difficult[upright])


@pytest.mark.parametrize("label", [[2, 5], [0.0], [7.0], [], [2, 5, -1, 0, 0, 0, 0], [4, 6, 1, 2, -1, 0, 0, 1, 1, 0]])
def test_labels_without_an_object(label: list[float]) -> None:
    vector = np.array(label, np.float32)
    assert len(plan_whole(vector, (30, 40)).objects) == 0
    assert len(draw_plan(vector, (30, 40)).objects) == 0


ANYTHING = st.floats(width=32) | st.sampled_from([0.0, 2.0, 5.0, 6.0, -1.0, 1e30, -1e30, 3e38, np.nan, np.inf, -np.inf])


@settings(max_examples=400)
@given(
    numbers=st.lists(ANYTHING, max_size=60),
    head=st.sampled_from([(), (2, 5), (2, 6), (3, 5), (2, 4), (-1, 5), (2.5, 5.5), (1e9, 5), (2, 1e9)]),
    shape=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    unit=st.sampled_from(get_args(CoordinateUnit)),
)
def test_no_label_whatever_breaks_a_plan(
    numbers: list[float], head: tuple[float, ...], shape: tuple[int, int], unit: CoordinateUnit
) -> None:
    label = np.array([*head, *numbers], np.float32)
    for plan in (draw_plan(label, shape, unit=unit), plan_whole(label, shape, unit=unit)):
        y, x, height, width = plan.region
        assert np.isfinite(plan.vector).all()
        assert 0 <= y < y + height <= shape[0] and 0 <= x < x + width <= shape[1]
        assert 0 <= len(plan.objects) <= len(label) // 5
        assert not np.isnan(plan.objects).any()
        # To the rounding of float32: a side of 1e-6 of the image may vanish in it.
        assert (plan.objects[:, :2] <= plan.objects[:, 2:4]).all()


@given(shape=st.tuples(st.integers(1, 900), st.integers(1, 900)))
def test_the_whole_image_is_shown_unchanged(shape: tuple[int, int]) -> None:
    plan = plan_whole(build_label([(0.25, 0.5, 0.75, 1.0)], [7], [True]), shape, size=300)
    assert plan.window.tolist() == [0, 0, shape[1], shape[0]]
    assert plan.region.tolist() == [0, 0, *shape]
    assert not plan.mirrored
    np.testing.assert_allclose(plan.color, normalization(RenderConfig()), rtol=1e-6)
    np.testing.assert_allclose(plan.objects, [[75, 150, 225, 300, 7, 1]], rtol=1e-6)
    larger, smaller = (side < 300 for side in shape), (side > 300 for side in shape)
    assert plan.filter == ("cubic" if all(larger) else "area" if all(smaller) else "linear")


def test_labels_in_pixels() -> None:
    label = build_label([(10, 20, 30, 40)], [1])
    np.testing.assert_allclose(plan_whole(label, (80, 40), size=80, unit="pixel").objects, [[20, 20, 60, 40, 1, 0]])
    drawn = [draw_plan(label, (80, 40), (seed, 0), unit="pixel").objects for seed in range(20)]
    assert all(len(objects) == 1 for objects in drawn)
