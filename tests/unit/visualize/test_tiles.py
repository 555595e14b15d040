from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dali_ssd.anchors import network_anchors
from dali_ssd.boxes import center_to_corner, decode, iou
from dali_ssd.config import TargetConfig
from dali_ssd.errors import RecordLocation
from dali_ssd.graph.targets import encode_targets
from dali_ssd.loader.batch import BoxBatch
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.metrics.detections import Detections
from dali_ssd.visualize.grid import Tile, pixels_of
from dali_ssd.visualize.tiles import box_tiles, detection_tiles, with_anchors

SIDE = 128
ANCHORS = network_anchors("mobilenet0.25", SIDE)
RECIPE = find_recipe(data_shape=SIDE)

sides = st.integers(8, 60)
corner = st.integers(0, SIDE - 61)


@settings(max_examples=40)
@given(st.lists(st.tuples(corner, corner, sides, sides, st.integers(0, 5)), max_size=4, unique_by=lambda o: o[:2]))
def test_anchors_are_those_of_the_targets(objects: list[tuple[int, ...]]) -> None:
    """The same are positive, each has the color of the object that its target encodes, and dashes by its IoU."""
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in objects], np.float32).reshape(-1, 4)
    ids = np.array([o[4] for o in objects], np.int32)
    cls_targets, box_targets = encode_targets(boxes, ids, ANCHORS)
    tile = with_anchors(Tile(np.zeros((SIDE, SIDE, 3), np.uint8), boxes, ids, caption="x"), ANCHORS, RECIPE)
    positive = cls_targets > 0
    outlines = tile.outlines
    assert outlines is not None and tile.colors is not None
    exact = center_to_corner(ANCHORS[positive].astype(np.float64))
    np.testing.assert_allclose(outlines.boxes, exact, atol=1e-4)
    owners = [tile.colors.tolist().index(color) for color in outlines.colors]
    meant = decode(box_targets[positive].astype(np.float64), ANCHORS[positive].astype(np.float64), TargetConfig.stds)
    np.testing.assert_allclose(boxes[owners], meant, atol=0.01)
    overlaps = np.array(
        [iou(exact[i : i + 1], boxes[o : o + 1].astype(np.float64))[0, 0] for i, o in enumerate(owners)]
    )
    clear = abs(overlaps - 0.5) > 1e-5
    assert (outlines.dashed[clear] == (overlaps < 0.5)[clear]).all()
    anchors = "anchor" if positive.sum() == 1 else "anchors"
    assert tile.caption == f"x: {positive.sum()} positive {anchors}, {outlines.dashed.sum()} forced"


def test_an_object_without_area_has_no_anchors() -> None:
    boxes = np.array([[10, 10, 10, 40], [20, 20, 60, 60]], np.float32)
    tile = with_anchors(Tile(np.zeros((SIDE, SIDE, 3), np.uint8), boxes, np.zeros(2, np.int32)), ANCHORS, RECIPE)
    assert tile.outlines is not None and set(tile.outlines.colors.tolist()) == {1}


def test_boxes_in_place_of_targets_are_drawn_as_they_are() -> None:
    objects = np.array([[[10, 20, 50, 70, 2], [-1] * 5], [[-1] * 5] * 2], np.float32)
    data = np.random.default_rng(0).normal(size=(2, 3, SIDE, SIDE))
    one, none = box_tiles(
        BoxBatch([data], [objects], lambda: [RecordLocation(Path("a.rec"), n, 0) for n in (5, 9)]), RECIPE
    )
    assert one.boxes.tolist() == [[10, 20, 50, 70]] and one.class_ids.tolist() == [2]
    np.testing.assert_array_equal(one.image, pixels_of(data[0], RECIPE.image))
    assert len(none.boxes) == len(none.class_ids) == 0
    assert (one.caption, none.caption) == ("a.rec record 5", "a.rec record 9")


def test_unsure_detections_are_not_drawn() -> None:
    found = Detections(
        boxes=np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32),
        class_ids=np.array([0, 1], np.int32),
        scores=np.array([0.9, 0.2], np.float32),
        true_boxes=np.array([[1, 1, 3, 3]], np.float32),
        true_ids=np.array([0], np.int32),
        difficult=np.array([False]),
    )
    [tile] = detection_tiles([np.zeros((3, 8, 8), np.float32)], [found], 0.5, RECIPE.image)
    assert tile.boxes.tolist() == [[1, 2, 3, 4]]
    assert tile.scores is not None
    assert tile.scores.tolist() == [pytest.approx(0.9)]
    assert tile.faint_boxes is not None
    assert tile.faint_boxes.tolist() == [[1, 1, 3, 3]]
