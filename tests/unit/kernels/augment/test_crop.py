"""The view: where it lies, what it must show, and the objects in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd import boxes as box_algebra
from dali_ssd.config import INTERPOLATIONS, AugmentConfig
from dali_ssd.records.format.labels import build_label
from tests.support import oracle
from tests.support.planning import Plan, draw_plan

SEEDS = st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
SIDES = st.integers(1, 400)


@st.composite
def labels(draw: st.DrawFn, *, least: int = 0) -> npt.NDArray[np.float32]:
    """A label in pixels or fractions with boxes of any size, some of which reach out of the image."""
    count = draw(st.integers(least, 6))
    corner = st.floats(-0.25, 1.125, width=32)
    side = st.floats(2**-10, 1.0, width=32)
    rows = [(draw(corner), draw(corner), draw(side), draw(side)) for _ in range(count)]
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32).reshape(-1, 4)
    return build_label(boxes, draw(st.lists(st.integers(0, 30), min_size=count, max_size=count)))


def boxes_of(
    label: npt.NDArray[np.float32], shape: tuple[int, int]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Boxes in source pixels and class ids, read here in the plainest way."""
    rows = label[2:].reshape(-1, 5).astype(np.float64)
    rows = rows[(rows[:, 0] >= 0) & (rows[:, 1:3] < rows[:, 3:5]).all(axis=1)]
    return rows[:, 1:] * np.tile([shape[1], shape[0]], 2), rows[:, 0]


@given(label=labels(), shape=st.tuples(SIDES, SIDES), seed=SEEDS)
def test_the_objects_are_those_of_the_box_algebra(
    label: npt.NDArray[np.float32], shape: tuple[int, int], seed: tuple[int, int]
) -> None:
    plan = draw_plan(label, shape, seed)
    wanted = oracle.objects_of(*boxes_of(label, shape), plan.window, plan.mirrored, 64)
    np.testing.assert_allclose(plan.objects, wanted, atol=1e-4)
    assert (plan.all_objects[len(plan.objects) :] == -1).all()


@given(label=labels(), shape=st.tuples(SIDES, SIDES), seed=SEEDS)
def test_the_objects_lie_in_the_picture_and_have_an_area(
    label: npt.NDArray[np.float32], shape: tuple[int, int], seed: tuple[int, int]
) -> None:
    objects = draw_plan(label, shape, seed).objects
    assert (objects[:, :4] >= 0).all() and (objects[:, :4] <= 64 + 1e-4).all()
    assert (objects[:, :2] < objects[:, 2:4]).all()


@given(label=labels(), shape=st.tuples(SIDES, SIDES), seed=SEEDS)
def test_the_window_is_of_whole_pixels_and_the_region_its_part_of_the_image(
    label: npt.NDArray[np.float32], shape: tuple[int, int], seed: tuple[int, int]
) -> None:
    plan = draw_plan(label, shape, seed)
    x0, y0, x1, y1 = plan.window
    assert (plan.window == np.round(plan.window)).all() and x0 < x1 and y0 < y1
    np.testing.assert_array_equal(plan.region, oracle.region_of(shape, plan.window))
    y, x, height, width = plan.region
    assert y >= 0 and x >= 0 and height > 0 and width > 0 and y + height <= shape[0] and x + width <= shape[1]
    height, width = shape
    assert -3 * width <= x0 and x1 <= 4 * width and -3 * height <= y0 and y1 <= 4 * height
    assert x1 - x0 <= 4 * width and y1 - y0 <= 4 * height


@given(label=labels(), shape=st.tuples(SIDES, SIDES), seed=SEEDS)
def test_without_expansion_the_window_stays_in_the_image(
    label: npt.NDArray[np.float32], shape: tuple[int, int], seed: tuple[int, int]
) -> None:
    plan = draw_plan(label, shape, seed, AugmentConfig(expand_probability=0))
    x0, y0, x1, y1 = plan.window
    assert 0 <= x0 < x1 <= shape[1] and 0 <= y0 < y1 <= shape[0]


@given(label=labels(least=1), shape=st.tuples(st.integers(30, 300), st.integers(30, 300)), seed=SEEDS)
@pytest.mark.parametrize("least", [0.1, 0.5, 0.7])
def test_a_crop_has_its_least_iou_with_all_boxes(
    label: npt.NDArray[np.float32], shape: tuple[int, int], seed: tuple[int, int], least: float
) -> None:
    """With one constraint the window is a crop that keeps it, or all of the canvas."""
    plan = draw_plan(label, shape, seed, AugmentConfig(crop_min_iou=(least,), expand_probability=0))
    boxes, _ = boxes_of(label, shape)
    whole = (plan.window == [0, 0, shape[1], shape[0]]).all()
    assert whole or (box_algebra.iou(boxes, plan.window[None]) >= least - 1e-9).all()


@given(label=labels(least=1), shape=st.tuples(st.integers(30, 300), st.integers(30, 300)), seed=SEEDS)
def test_a_window_shows_an_object_wherever_one_can_be_shown(
    label: npt.NDArray[np.float32], shape: tuple[int, int], seed: tuple[int, int]
) -> None:
    boxes, _ = boxes_of(label, shape)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    plan = draw_plan(label, shape, seed)
    if ((centers > 0.01) & (centers < np.array(shape[::-1]) - 0.01)).all(axis=1).any():
        assert len(plan.objects) > 0


def plans_of_one_box(count: int, augment: AugmentConfig) -> list[Plan]:
    label = build_label([(0.4, 0.4, 0.6, 0.6)], [0])
    return [draw_plan(label, (1000, 1000), (seed, 3), augment) for seed in range(count)]


def test_a_crop_keeps_to_its_scale_and_aspect() -> None:
    plans = plans_of_one_box(500, AugmentConfig(expand_probability=0, crop_min_iou=(0.0,)))
    sides = np.array([plan.window[2:] - plan.window[:2] for plan in plans]) / 1000
    cropped = sides[(sides < 1).any(axis=1)]
    assert 100 < len(cropped) < 400
    aspect, scale = cropped[:, 0] / cropped[:, 1], np.sqrt(cropped.prod(axis=1))
    assert aspect.min() >= 0.49 and aspect.max() <= 2.04 and aspect.min() < 0.6 and aspect.max() > 1.7
    assert scale.min() >= 0.297 and scale.max() <= 1 and scale.min() < 0.4 and scale.max() > 0.9


def test_an_image_without_objects_is_cropped_all_the_same() -> None:
    label = build_label(np.zeros((0, 4)), [])
    plans = [draw_plan(label, (100, 200), (seed, 3)) for seed in range(200)]
    assert len({tuple(plan.window) for plan in plans}) > 190
    assert all(len(plan.objects) == 0 for plan in plans)


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_mirror_probability(probability: float, share: float) -> None:
    plans = plans_of_one_box(800, AugmentConfig(mirror_probability=probability))
    assert abs(np.mean([plan.mirrored for plan in plans]) - share) <= (0 if share in (0, 1) else 0.06)


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_expand_probability_and_ratio(probability: float, share: float) -> None:
    augment = AugmentConfig(expand_probability=probability, expand_ratio=(2.0, 3.0), crop_min_iou=())
    sides = np.array([plan.window[2] - plan.window[0] for plan in plans_of_one_box(600, augment)])
    expanded = sides > 1000
    assert abs(expanded.mean() - share) <= (0 if share in (0, 1) else 0.07)
    if share:
        assert 2000 <= sides[expanded].min() < 2050 and 2950 < sides[expanded].max() <= 3000


def test_every_filter_is_drawn_and_only_those_asked_for() -> None:
    drawn = [plan.filter for plan in plans_of_one_box(500, AugmentConfig())]
    counts = {name: drawn.count(name) for name in INTERPOLATIONS}
    assert min(counts.values()) > 60
    some = AugmentConfig(interpolations=("cubic", "area"))
    assert {plan.filter for plan in plans_of_one_box(60, some)} == {"cubic", "area"}


def test_a_seed_gives_the_same_plan_again() -> None:
    label = build_label([(0.1, 0.2, 0.7, 0.8)], [3])
    first, again, other = (draw_plan(label, (77, 99), seed) for seed in ((5, 6), (5, 6), (5, 7)))
    np.testing.assert_array_equal(first.vector, again.vector)
    assert (first.vector != other.vector).any()
