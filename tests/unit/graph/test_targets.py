"""Targets against brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nvidia.dali import pipeline_def

import dali_ssd
from dali_ssd import boxes as box_algebra
from dali_ssd.config import TargetConfig
from dali_ssd.errors import ConfigError
from dali_ssd.graph.targets import encode, encode_targets
from dali_ssd.graph.where import Where
from dali_ssd.kernels.targets import as_center_anchors
from tests.support import oracle
from tests.support.pipes import arrays, fixed

Floats = npt.NDArray[np.float32]


def grid(size: int, step: int, sides: tuple[float, ...]) -> Floats:
    """Anchors `(N, 4)` as a network has them: squares and rectangles of these sides around each cell's center."""
    centers = np.arange(step / 2, size, step)
    rows = [
        (x, y, side * stretch, side / stretch)
        for y in centers
        for x in centers
        for side in sides
        for stretch in (1, 2**0.5, 0.5**0.5)
    ]
    return np.array(rows, np.float32)


ANCHORS = grid(64, 8, (10, 24)), grid(64, 16, (16.3, 40)), grid(64, 64, (64, 90))
ALL_ANCHORS = np.concatenate(ANCHORS)


@st.composite
def boxes(draw: st.DrawFn, *, most: int = 12) -> Floats:
    """Boxes `(M, 4)` in a picture of 64 pixels; whole numbers now and then, so that IoUs tie."""
    number = st.integers(0, 60) if draw(st.booleans()) else st.floats(0, 60, width=32)
    side = st.integers(1, 40) if draw(st.booleans()) else st.floats(0.5, 40, width=32)
    rows = draw(st.lists(st.tuples(number, number, side, side), max_size=most))
    array = np.array(rows, np.float32).reshape(-1, 4)
    return np.concatenate([array[:, :2], np.minimum(array[:, :2] + array[:, 2:], np.float32(64))], axis=1)


@settings(max_examples=150)
@given(boxes=boxes(), data=st.data(), threshold=st.sampled_from([0.5, 0.3, 0.9, 1.0]))
def test_any_boxes_equal_brute_force(boxes: Floats, data: st.DataObject, threshold: float) -> None:
    ids = np.array(data.draw(st.lists(st.integers(0, 79), min_size=len(boxes), max_size=len(boxes))), np.float32)
    anchors = data.draw(st.sampled_from([*ANCHORS, ALL_ANCHORS]))
    classes, offsets = encode_targets(boxes, ids, anchors, TargetConfig(iou_threshold=threshold))
    wanted_classes, wanted_offsets = oracle.targets(boxes, ids, anchors, threshold)
    np.testing.assert_array_equal(classes, wanted_classes)
    np.testing.assert_allclose(offsets, wanted_offsets, rtol=1e-4, atol=1e-4)


@given(boxes=boxes())
def test_no_box_goes_without_an_anchor(boxes: Floats) -> None:
    """Each box has an id of its own; there are more anchors than boxes, and some near every box."""
    classes, _ = encode_targets(boxes, np.arange(len(boxes)), ALL_ANCHORS)
    assert set(range(1, len(boxes) + 1)) <= set(classes.tolist())


@given(boxes=boxes(most=6))
def test_box_targets_decode_to_the_boxes(boxes: Floats) -> None:
    classes, offsets = encode_targets(boxes, np.arange(len(boxes)), ALL_ANCHORS)
    positive = classes > 0
    decoded = box_algebra.decode(offsets[positive], ALL_ANCHORS[positive], TargetConfig().stds)
    np.testing.assert_allclose(decoded, boxes[classes[positive].astype(int) - 1], atol=1e-3)
    assert not offsets[~positive].any()


def test_every_tied_best_anchor_is_positive() -> None:
    """A small box inside many equal anchors has the same IoU with all of them."""
    anchors = np.array([(20, 20, 30, 30), (22, 20, 30, 30), (20, 22, 30, 30), (60, 60, 8, 8)], np.float32)
    classes, _ = encode_targets([(18, 18, 24, 24)], [4], anchors)
    assert classes.tolist() == [5, 5, 5, 0]


def test_boxes_that_share_their_best_anchor_get_one_each() -> None:
    anchors = np.array([(20, 20, 20, 20), (24, 24, 20, 20), (50, 50, 10, 10)], np.float32)
    boxes = [(10, 10, 30, 30), (11, 10, 30, 30)]
    classes, _ = encode_targets(boxes, [0, 1], anchors)
    assert classes.tolist() == [1, 2, 0]


def test_the_best_pair_goes_first_whatever_the_order_of_the_boxes() -> None:
    anchors = np.array([(20, 20, 20, 20), (30, 20, 20, 20)], np.float32)
    boxes = np.array([(12, 10, 32, 30), (10, 10, 30, 30)], np.float32)
    for order in ([0, 1], [1, 0]):
        classes, _ = encode_targets(boxes[order], np.array([0, 1])[order], anchors)
        assert classes.tolist() == [2, 1]


def test_equal_boxes_take_different_anchors() -> None:
    box = (10, 10, 30, 30)
    classes, _ = encode_targets([box] * 3, [0, 1, 2], ALL_ANCHORS)
    assert {1, 2, 3} <= set(classes.tolist())


def test_more_boxes_than_anchors() -> None:
    anchors = np.array([(20, 20, 20, 20)], np.float32)
    classes, _ = encode_targets([(10, 10, 30, 30), (12, 12, 30, 30)], [0, 1], anchors)
    assert classes.tolist() == [1]


def test_a_box_beside_all_anchors_is_no_target() -> None:
    anchors = np.array([(20, 20, 20, 20)], np.float32)
    classes, offsets = encode_targets([(100, 100, 120, 120)], [0], anchors)
    assert not classes.any() and not offsets.any()


@pytest.mark.parametrize("empty", [np.zeros((0, 4)), [], np.zeros((0, 4), np.float32)])
def test_no_boxes_are_all_background(empty: Any) -> None:
    classes, offsets = encode_targets(empty, [], ALL_ANCHORS)
    assert classes.shape == (len(ALL_ANCHORS),) and offsets.shape == (len(ALL_ANCHORS), 4)
    assert classes.dtype == offsets.dtype == np.float32
    assert not classes.any() and not offsets.any()


def test_the_options_reach_the_kernel() -> None:
    box, anchor = np.array([(10, 10, 34, 30)], np.float32), np.array([(20, 20, 20, 20)], np.float32)
    _, offsets = encode_targets(box, [0], anchor, TargetConfig(stds=(1, 2, 3, 4)))
    np.testing.assert_allclose(offsets, box_algebra.encode(box, anchor, (1, 2, 3, 4)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("boxes", "ids", "message"),
    [
        ([(0, 0, 1)], [0], r"\(1, 3\)"),
        ([(0, 0, 1, 1)], [0, 1], r"\(2,\)"),
        ([(0, 0, 1, 1)], [[0]], r"\(1, 1\)"),
        ([0, 0, 1, 1], [0], r"\(4,\)"),
        ([(5, 0, 5, 1)], [0], "xmin < xmax"),
        ([(0, 9, 5, 1)], [0], "ymin < ymax"),
        ([(0, 0, np.nan, 1)], [0], "finite"),
        ([(0, 0, np.inf, 1)], [0], "finite"),
        ([(0, 0, 1, 1)], [-1], "0 or greater"),
        ([(0, 0, 1, 1)], [np.nan], "0 or greater"),
    ],
)
def test_wrong_boxes_are_refused(boxes: Any, ids: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        encode_targets(boxes, ids, ALL_ANCHORS)


@pytest.mark.parametrize(
    ("anchors", "message"),
    [
        (np.zeros((0, 4)), r"\(0, 4\)"),
        (np.ones((2, 3)), r"\(2, 3\)"),
        (np.ones((2, 5, 4)), r"\(2, 5, 4\)"),
        (np.ones(4), r"\(4,\)"),
        ([(1, 1, 0, 5)], "width and height > 0"),
        ([(1, 1, -3, 5)], "width and height > 0"),
        ([(np.nan, 1, 3, 5)], "finite"),
    ],
)
def test_wrong_anchors_are_refused(anchors: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        encode_targets([(0, 0, 1, 1)], [0], anchors)


def test_anchors_may_have_the_networks_shape() -> None:
    np.testing.assert_array_equal(as_center_anchors(ALL_ANCHORS[None]), ALL_ANCHORS)


def test_it_is_public() -> None:
    assert dali_ssd.encode_targets is encode_targets


def in_pipeline(objects: list[Floats], config: TargetConfig) -> tuple[list[Any], list[Any]]:
    @pipeline_def(batch_size=len(objects), num_threads=2, device_id=None)
    def pipeline():  # type: ignore[no-untyped-def]
        plans = fixed([np.array([0] * 6 + [(rows[:, 4] >= 0).sum()], np.float32) for rows in objects])
        return encode(fixed(objects), plans, ALL_ANCHORS, config, 64, where=Where())

    classes, offsets = pipeline().run()
    return arrays(classes), arrays(offsets)


def some_objects() -> list[Floats]:
    """Objects of three images as a plan gives them, with rows of -1 after the last."""
    rng = np.random.default_rng(0)
    images = []
    for count in (0, 3, 7):
        low = rng.uniform(0, 40, (count, 2))
        rows = np.concatenate([low, low + rng.uniform(4, 24, (count, 2)), rng.integers(0, 9, (count, 1))], axis=1)
        images.append(np.concatenate([rows, np.full((2, 5), -1)]).astype(np.float32))
    return images


def test_the_pipeline_encodes_as_the_function_does() -> None:
    objects = some_objects()
    for rows, classes, offsets in zip(objects, *in_pipeline(objects, TargetConfig()), strict=True):
        kept = rows[rows[:, 4] >= 0]
        wanted = encode_targets(kept[:, :4], kept[:, 4], ALL_ANCHORS)
        np.testing.assert_array_equal(classes, wanted[0])
        np.testing.assert_array_equal(offsets, wanted[1])


def test_the_box_encoder_agrees_where_an_anchor_is_above_the_threshold() -> None:
    """DALI's operator differs in ties and in boxes that share an anchor, and in nothing else."""
    objects, compared = some_objects(), 0
    for rows, classes, offsets in zip(objects, *in_pipeline(objects, TargetConfig(targets="box_encoder")), strict=True):
        kept = rows[rows[:, 4] >= 0]
        assert classes.dtype == offsets.dtype == np.float32
        if not len(kept):
            assert not classes.any() and not offsets.any()
            continue
        iou = oracle.iou_table(kept[:, :4], ALL_ANCHORS)
        clear = iou.max(axis=1) > 0.51
        clear[iou.argmax(axis=0)] = False
        best = kept[iou.argmax(axis=1)]
        compared += int(clear.sum())
        np.testing.assert_array_equal(classes[clear], best[clear, 4] + 1)
        wanted = box_algebra.encode(best[:, :4].astype(float), ALL_ANCHORS.astype(float), TargetConfig().stds)
        np.testing.assert_allclose(offsets[clear], wanted[clear], atol=1e-3)
    assert compared > 0
