"""Box algebra in NumPy float64: the reference that every kernel of `dali_ssd.kernels` is tested against.

Boxes are `(n, 4)` arrays `xmin ymin xmax ymax` in any one unit, unless a name says `center`:
`center_x center_y width height`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["center_to_corner", "clip", "corner_to_center", "decode", "encode", "iou", "mirror"]

Array = npt.NDArray[Any]
"""Of float32 or float64."""


def corner_to_center(boxes: Array) -> Array:
    """Convert `(n, 4)` corners to `(n, 4)` center, width and height."""
    size = boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([boxes[:, :2] + size / 2, size], axis=1)


def center_to_corner(boxes: Array) -> Array:
    """Convert `(n, 4)` center, width and height to `(n, 4)` corners."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def iou(a: Array, b: Array) -> Array:
    """Return the intersection over union of each pair, `(n, m)` for `(n, 4)` and `(m, 4)`; 0 if the union is empty."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area_a = np.prod(np.clip(a[:, 2:] - a[:, :2], 0, None), axis=1)
    area_b = np.prod(np.clip(b[:, 2:] - b[:, :2], 0, None), axis=1)
    union = area_a[:, None] + area_b[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(union), where=union > 0))


def clip(boxes: Array, window: Array) -> Array:
    """Return the part of each box that lies in `window` (4,), in the window's own coordinates."""
    low = np.maximum(boxes[:, :2], window[:2])
    high = np.minimum(boxes[:, 2:], window[2:])
    return np.asarray(np.concatenate([low, high], axis=1) - np.tile(window[:2], 2))


def mirror(boxes: Array, width: float) -> Array:
    """Return the boxes in the left-right mirror image of an image of this width."""
    return np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)


def encode(boxes: Array, anchors: Array, stds: tuple[float, float, float, float]) -> Array:
    """Return center-offset targets (SSD paper, section 2.2) of corner `boxes` (n, 4) at center `anchors` (n, 4)."""
    center = corner_to_center(boxes)
    offset = (center[:, :2] - anchors[:, :2]) / anchors[:, 2:]
    scale = np.log(center[:, 2:] / anchors[:, 2:])
    return np.asarray(np.concatenate([offset, scale], axis=1) / np.asarray(stds))


def decode(targets: Array, anchors: Array, stds: tuple[float, float, float, float]) -> Array:
    """Return corner boxes (n, 4) of targets (n, 4) at center `anchors` (n, 4): the inverse of `encode`."""
    scaled = targets * np.asarray(stds)
    center = scaled[:, :2] * anchors[:, 2:] + anchors[:, :2]
    return center_to_corner(np.concatenate([center, np.exp(scaled[:, 2:]) * anchors[:, 2:]], axis=1))
