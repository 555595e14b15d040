"""The anchors of GluonCV's VGG16 SSDs in NumPy, within a second and without weights."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import ConfigError

__all__ = ["VGG_SHAPES", "corner_fractions", "vgg_anchors"]

_FEW = (1.0, 2.0, 0.5)
_MANY = (1.0, 2.0, 0.5, 3.0, 1.0 / 3)


@dataclass(frozen=True)
class _Map:
    """One feature map: cells per side, pixels per cell, smallest box and that of the next map, aspect ratios."""

    cells: int
    step: float
    sizes: tuple[float, float]
    ratios: tuple[float, ...]


def _maps(cells: list[int], steps: list[float], sizes: list[float], ratios: list[tuple[float, ...]]) -> list[_Map]:
    pairs = itertools.pairwise(sizes)
    return [_Map(*parts) for parts in zip(cells, steps, pairs, ratios, strict=True)]


VGG_SHAPES = {
    300: _maps(
        [38, 19, 10, 5, 3, 1],
        [8, 16, 32, 64, 100, 300],
        [30, 60, 111, 162, 213, 264, 315],
        [_FEW, _MANY, _MANY, _MANY, _FEW, _FEW],
    ),
    512: _maps(
        [64, 32, 16, 8, 4, 2, 1],
        [8, 16, 32, 64, 128, 256, 512],
        [51.2, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.6],
        [_FEW, _MANY, _MANY, _MANY, _MANY, _FEW, _FEW],
    ),
}
"""Feature maps of `ssd_300_vgg16_atrous_voc` (8732 anchors) and `ssd_512_vgg16_atrous_voc` (24564 anchors)."""


def vgg_anchors(data_shape: int) -> NDArray[np.float32]:
    """Return the anchors of GluonCV's VGG16 SSD: `(N, 4) float32` center format in pixels.

    Raises ConfigError if GluonCV has no such network for the shape.
    """
    if data_shape not in VGG_SHAPES:
        raise ConfigError(f"data_shape must be {' or '.join(map(str, VGG_SHAPES))} for the benchmark, not {data_shape}")
    return np.concatenate([_map_anchors(feature_map) for feature_map in VGG_SHAPES[data_shape]])


def corner_fractions(anchors: NDArray[np.float32], data_shape: int) -> NDArray[np.float32]:
    """Turn center-format pixel anchors `(N, 4)` into corners as fractions of the network input, for `box_encoder`."""
    half = anchors[:, 2:] / 2
    corners = np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1) / data_shape
    return corners.astype(np.float32)


def _map_anchors(feature_map: _Map) -> NDArray[np.float32]:
    small, large = feature_map.sizes
    shapes = [(small, small), (math.sqrt(small * large),) * 2]
    shapes += [(small * math.sqrt(ratio), small / math.sqrt(ratio)) for ratio in feature_map.ratios[1:]]
    centers = (np.arange(feature_map.cells) + 0.5) * feature_map.step
    anchors = np.empty((feature_map.cells, feature_map.cells, len(shapes), 4), np.float32)
    anchors[..., 0] = centers[None, :, None]
    anchors[..., 1] = centers[:, None, None]
    anchors[..., 2:] = shapes
    return anchors.reshape(-1, 4)
