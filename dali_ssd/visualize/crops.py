"""Parts of images around what one wants to look at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dali_ssd.visualize.grid import Tile

__all__ = ["cut_around"]

_LEAST = 64
"""Pixels of the smallest part's side."""


def cut_around(tile: Tile, box: NDArray[np.float32], around: float = 2.2) -> Tile:
    """Return the square part of an image around a box, with the boxes that it has.

    Its side is `around` times the longer one of the box, if the image is as large; at the image's edges it moves
    inwards. `box` is (4,) xmin ymin xmax ymax, pixels of the image; of one that is not finite, the whole is shown.
    """
    if not np.isfinite(box).all():
        return tile
    low, high = np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])
    size = np.array([tile.image.shape[1], tile.image.shape[0]])
    side = np.minimum(max(float((high - low).max()) * around, _LEAST), size).round().astype(int)
    left, top = (int(value) for value in np.clip(((low + high - side) / 2).round(), 0, size - side))
    width, height = (int(value) for value in side)
    moved = np.array([left, top, left, top], np.float32)
    return replace(
        tile,
        image=tile.image[top : top + height, left : left + width],
        boxes=tile.boxes - moved,
        faint_boxes=None if tile.faint_boxes is None else tile.faint_boxes - moved,
    )
