"""Pictures of records as stored, of training images with boxes or targets, and of a network's detections."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dali_ssd.boxes import center_to_corner, iou
from dali_ssd.config import RenderConfig
from dali_ssd.errors import RecordError
from dali_ssd.loader.recipes import Recipe
from dali_ssd.metrics.detections import Detections
from dali_ssd.records.dataset import Dataset
from dali_ssd.util.words import counted
from dali_ssd.visualize.grid import Outlines, Tile, pixels_of
from dali_ssd.visualize.stored import caption_of, stored_tile

__all__ = [
    "EMPTY",
    "box_tile",
    "box_tiles",
    "detection_tiles",
    "drawable_tiles",
    "object_colors",
    "stored_tiles",
    "with_anchors",
]


_log = logging.getLogger(__name__)

EMPTY = np.full((240, 240, 3), 225, np.uint8)
"""What stands for the image of a record that cannot be read."""
_NOTHING = EMPTY, np.zeros((0, 4), np.float32), np.zeros(0, np.int32)
"""Image, boxes and class ids of a tile of a record that cannot be read."""


def stored_tiles(dataset: Dataset, numbers: Sequence[int]) -> list[Tile]:
    """Draw records as they are stored. Raises RecordError for a record that cannot be read."""
    return [stored_tile(*dataset.read(number), dataset.place(number)) for number in numbers]


def drawable_tiles(dataset: Dataset, numbers: Sequence[int]) -> list[Tile]:
    """Draw records as they are stored; one that cannot be read is an empty square, and a warning says why.

    Raises RecordError if none can be read.
    """
    tiles, faults = [], []
    for number in numbers:
        try:
            tiles += stored_tiles(dataset, [number])
        except RecordError as error:
            faults.append(error)
            tiles.append(Tile(*_NOTHING, caption=f"{caption_of(dataset.place(number))}: cannot be read"))
    if faults and len(faults) == len(tiles):
        raise faults[0]
    for fault in faults:
        _log.warning("not drawn: %s", fault)
    return tiles


def box_tiles(batch: Any, recipe: Recipe) -> list[Tile]:
    """Draw the images of a training batch that has boxes in place of targets."""
    images = [image for data in batch.data for image in _on_host(data)]
    objects = [rows for labels in batch.labels for rows in _on_host(labels)]
    captions = map(caption_of, batch.records())
    return [box_tile(*one, recipe=recipe) for one in zip(images, objects, captions, strict=True)]


def box_tile(image: NDArray[np.float32], objects: NDArray[np.float32], caption: str, *, recipe: Recipe) -> Tile:
    """Draw a network input with its objects (M, 5), xmin ymin xmax ymax id in its pixels, padded with -1."""
    shown = objects[objects[:, 4] >= 0]
    return Tile(pixels_of(image, recipe.image), shown[:, :4], shown[:, 4].astype(np.int32), caption=caption)


def object_colors(tile: Tile) -> NDArray[np.int32]:
    """Return numbers of colors (n,), another one for each object."""
    return np.arange(len(tile.boxes), dtype=np.int32)


def with_anchors(tile: Tile, anchors: NDArray[np.float32], recipe: Recipe) -> Tile:
    """Add to a network input the anchors that are positive for its objects, each in the color of its object.

    An anchor is dashed if its IoU with the object is below the recipe's threshold: it is positive because the object
    has no better one. `anchors` is (N, 4), center format, network pixels.
    """
    from dali_ssd.graph.targets import encode_targets  # needs DALI, and what is stored does not

    # The matching does not depend on classes, so their place is free for the number of the object.
    real = np.flatnonzero((tile.boxes[:, :2] < tile.boxes[:, 2:]).all(axis=1))
    matched, _ = encode_targets(tile.boxes[real], np.arange(len(real)), anchors, recipe.targets)
    positive = np.flatnonzero(matched > 0)
    owners = real[matched[positive].astype(np.int32) - 1]
    corners = center_to_corner(anchors[positive]).astype(np.float32)
    forced = np.array(
        [iou(corners[i : i + 1], tile.boxes[owner][None])[0, 0] for i, owner in enumerate(owners)], np.float32
    ) < np.float32(recipe.targets.iou_threshold)
    count = f"{counted(len(positive), 'positive anchor')}, {int(forced.sum())} forced"
    colors = object_colors(tile)
    return replace(
        tile,
        colors=colors,
        outlines=Outlines(corners, colors[owners], forced),
        caption=f"{tile.caption}: {count}" if tile.caption else count,
    )


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
