from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dali_ssd.config import TargetConfig
from dali_ssd.errors import RecordError
from dali_ssd.graph.targets import encode_targets
from dali_ssd.loader.batch import BoxBatch
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.metrics.detections import Detections
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter
from dali_ssd.visualize.grid import pixels_of
from dali_ssd.visualize.samples import grid_anchors
from dali_ssd.visualize.tiles import augmented_tiles, box_tiles, boxes_of_targets, detection_tiles, stored_tiles

SIDE = 128
ANCHORS = grid_anchors(SIDE)[0]
RECIPE = find_recipe(data_shape=SIDE)

sides = st.integers(8, 60)
corner = st.integers(0, SIDE - 61)


@settings(max_examples=40)
@given(st.lists(st.tuples(corner, corner, sides, sides, st.integers(0, 5)), max_size=4, unique_by=lambda o: o[:2]))
def test_boxes_come_back_from_targets(objects: list[tuple[int, ...]]) -> None:
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in objects], np.float32).reshape(-1, 4)
    ids = np.array([o[4] for o in objects], np.int32)
    cls_targets, box_targets = encode_targets(boxes, ids, ANCHORS)
    found, found_ids = boxes_of_targets(cls_targets.reshape(-1), box_targets.reshape(-1, 4), ANCHORS, TargetConfig())
    expected = sorted((int(i), *map(float, box)) for i, box in zip(ids, boxes, strict=True))
    got = sorted((int(i), *map(float, box)) for i, box in zip(found_ids, found, strict=True))
    assert len(got) == len(expected)
    np.testing.assert_allclose(got, expected, atol=0.5)


def test_anchors_cover_the_image() -> None:
    assert ANCHORS.dtype == np.float32
    low, high = ANCHORS[:, :2] - ANCHORS[:, 2:] / 2, ANCHORS[:, :2] + ANCHORS[:, 2:] / 2
    assert low.min() <= 0
    assert high.max() >= SIDE
    assert set(ANCHORS[:, 2]) == {8, 16, 32, 64, 128}


class Array:
    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array, np.float32)

    def asnumpy(self) -> Any:
        return self.array


class Batch:
    def __init__(self, data: Any, cls_targets: Any, box_targets: Any) -> None:
        self.data, self.cls_targets, self.box_targets = [Array(data)], [Array(cls_targets)], [Array(box_targets)]


def test_augmented_images_show_what_is_learned() -> None:
    cls_targets, box_targets = encode_targets(
        np.array([[10, 20, 50, 70]], np.float32), np.array([2], np.int32), ANCHORS
    )
    data = np.random.default_rng(0).normal(size=(1, 3, SIDE, SIDE))
    batch = Batch(data, cls_targets.reshape(1, -1), box_targets.reshape(1, -1, 4))
    [tile] = augmented_tiles(batch, ANCHORS, RECIPE)
    np.testing.assert_allclose(tile.boxes, [[10, 20, 50, 70]], atol=0.3)
    assert tile.class_ids.tolist() == [2]
    np.testing.assert_array_equal(tile.image, pixels_of(data[0], RECIPE.image))


def test_boxes_in_place_of_targets_are_drawn_as_they_are() -> None:
    objects = np.array([[[10, 20, 50, 70, 2], [-1] * 5], [[-1] * 5] * 2], np.float32)
    data = np.random.default_rng(0).normal(size=(2, 3, SIDE, SIDE))
    one, none = box_tiles(BoxBatch([data], [objects]), RECIPE)
    assert one.boxes.tolist() == [[10, 20, 50, 70]] and one.class_ids.tolist() == [2]
    np.testing.assert_array_equal(one.image, pixels_of(data[0], RECIPE.image))
    assert len(none.boxes) == len(none.class_ids) == 0


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


def jpeg(width: int, height: int, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 10, 10)).save(file, "JPEG", **options)
    return file.getvalue()


def test_stored_images_are_as_labels_see_them(tmp_path: Path) -> None:
    """EXIF says to turn the image; MXNet does not, and labels refer to what it decodes."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with ShardWriter(tmp_path, "a") as writer:
        label = build_label([[0.25, 0.5, 0.5, 1.0]], [3])
        writer.write(pack(Header(label, 0, 0), jpeg(40, 20, exif=exif)), key=7)
    [tile] = stored_tiles(open_dataset(tmp_path / "a.rec"), [0])
    assert tile.image.shape == (20, 40, 3)
    assert tile.image[..., 0].mean() > 150
    assert tile.boxes.tolist() == [[10, 10, 20, 20]]
    assert tile.class_ids.tolist() == [3]
    assert tile.caption == "a.rec record 7"


@pytest.mark.parametrize("payload", [b"", b"no image", jpeg(8, 8)[:20]], ids=["empty", "garbage", "cut"])
def test_images_that_cannot_be_decoded_are_named(tmp_path: Path, payload: bytes) -> None:
    with ShardWriter(tmp_path, "a") as writer:
        writer.write(pack(Header(build_label([[0.25, 0.5, 0.5, 1.0]], [3]), 0, 0), payload), key=7)
    with pytest.raises(RecordError, match=r"a\.rec, record 7, byte 0: the image cannot be decoded"):
        stored_tiles(open_dataset(tmp_path / "a.rec"), [0])
