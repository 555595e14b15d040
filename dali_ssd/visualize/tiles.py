"""Pictures of records: as stored, as a training run sees them, and with a network's detections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dali_ssd.boxes import decode
from dali_ssd.config import RenderConfig, TargetConfig
from dali_ssd.errors import RecordError, RecordLocation
from dali_ssd.loader.recipes import Recipe
from dali_ssd.metrics.detections import Detections
from dali_ssd.records.dataset import Dataset
from dali_ssd.records.format.labels import parse_label
from dali_ssd.visualize.grid import Tile, pixels_of

__all__ = ["augmented_tiles", "box_tiles", "boxes_of_targets", "detection_tiles", "stored_tiles"]


def stored_tiles(dataset: Dataset, numbers: Sequence[int]) -> list[Tile]:
    """Draw records as they are stored: the raster that labels refer to, without regard to EXIF orientation.

    Raises RecordError for a record that cannot be read.
    """
    tiles = []
    for number in numbers:
        place = dataset.place(number)
        header, payload = dataset.read(number)
        objects = parse_label(header.label, place)
        image = _decoded(payload, place)
        size = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
        tiles.append(Tile(image, objects.boxes * size, objects.class_ids, caption=_caption(place)))
    return tiles


def augmented_tiles(batch: Any, anchors: NDArray[np.float32], recipe: Recipe) -> list[Tile]:
    """Draw the images of a training batch with the boxes decoded from its targets, which are what is learned.

    `anchors` is (N, 4), center format, network pixels; `recipe` is that of the loader.
    """
    tiles = []
    for data, cls_targets, box_targets in zip(batch.data, batch.cls_targets, batch.box_targets, strict=True):
        arrays = map(_on_host, (data, cls_targets, box_targets))
        for image, classes, targets in zip(*arrays, strict=True):
            boxes, ids = boxes_of_targets(classes, targets, anchors, recipe.targets)
            tiles.append(Tile(pixels_of(image, recipe.image), boxes, ids))
    return tiles


def box_tiles(batch: Any, recipe: Recipe) -> list[Tile]:
    """Draw the images of a training batch with the boxes that it has in place of targets."""
    tiles = []
    for data, labels in zip(batch.data, batch.labels, strict=True):
        for image, objects in zip(_on_host(data), _on_host(labels), strict=True):
            shown = objects[objects[:, 4] >= 0]
            tiles.append(Tile(pixels_of(image, recipe.image), shown[:, :4], shown[:, 4].astype(np.int32)))
    return tiles


def boxes_of_targets(
    cls_targets: NDArray[np.float32],
    box_targets: NDArray[np.float32],
    anchors: NDArray[np.float32],
    config: TargetConfig,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return boxes (n, 4) in network pixels and class ids (n,) that targets (N,), (N, 4) encode, each box once."""
    positive = cls_targets > 0
    boxes = decode(box_targets[positive].astype(np.float64), anchors[positive].astype(np.float64), config.stds)
    ids = cls_targets[positive] - 1
    # A box comes back from each anchor that it was assigned to, with a little rounding.
    rows = np.unique(np.column_stack([ids, (boxes * 4).round() / 4]), axis=0)
    return rows[:, 1:].astype(np.float32), rows[:, 0].astype(np.int32)


def detection_tiles(
    images: Sequence[NDArray[np.float32]], found: Sequence[Detections], min_score: float, rendered: RenderConfig
) -> list[Tile]:
    """Draw detections from `min_score` on over the true boxes (thin) of network inputs made by `rendered`."""
    tiles = []
    for image, detections in zip(images, found, strict=True):
        sure = detections.scores >= min_score
        tiles.append(
            Tile(
                pixels_of(image, rendered),
                detections.boxes[sure],
                detections.class_ids[sure],
                scores=detections.scores[sure],
                faint_boxes=detections.true_boxes,
            )
        )
    return tiles


def _on_host(array: Any) -> NDArray[np.float32]:
    """Return any framework's array as NumPy's."""
    return np.asarray(array.asnumpy() if hasattr(array, "asnumpy") else array)


def _decoded(payload: bytes, place: RecordLocation) -> NDArray[np.uint8]:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(payload, np.uint8), flags) if payload else None
    if image is None:
        raise RecordError("the image cannot be decoded; `dali-ssd check --decode` finds all such records", place)
    return np.ascontiguousarray(image[..., ::-1]).astype(np.uint8, copy=False)


def _caption(place: RecordLocation) -> str:
    return f"{place.shard.name if place.shard else ''} record {place.key}"
