"""The anchors of SSDs by formula, in NumPy, within a second and without weights.

GluonCV's VGG16 SSDs, and the small ones of `gluon.networks.mobilenet`, which are built from these numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import ConfigError

__all__ = [
    "FEATURE_MAPS",
    "VGG_SHAPES",
    "FeatureMap",
    "corner_fractions",
    "map_anchors",
    "network_anchors",
    "vgg_anchors",
]

_FEW = (1.0, 2.0, 0.5)
_MANY = (1.0, 2.0, 0.5, 3.0, 1.0 / 3)
_RATIOS = (_FEW, _MANY, _MANY, _MANY, _FEW, _FEW)
"""Aspect ratios at 300 pixels."""
_SMALL = (21, 45, 99, 153, 207, 261, 315)
"""Box sizes of GluonCV's presets of 300 pixels for COCO and for a user's own classes."""


@dataclass(frozen=True)
class FeatureMap:
    """One feature map: cells per side, pixels per cell, smallest box and that of the next map, aspect ratios."""

    cells: int
    step: float
    sizes: tuple[float, float]
    ratios: tuple[float, ...]


def _maps(
    cells: Sequence[int], steps: Sequence[float], sizes: Sequence[float], ratios: Sequence[tuple[float, ...]]
) -> tuple[FeatureMap, ...]:
    pairs = itertools.pairwise(sizes)
    return tuple(FeatureMap(*parts) for parts in zip(cells, steps, pairs, ratios, strict=True))


VGG_SHAPES = {
    300: _maps(
        [38, 19, 10, 5, 3, 1],
        [8, 16, 32, 64, 100, 300],
        [30, 60, 111, 162, 213, 264, 315],
        _RATIOS,
    ),
    512: _maps(
        [64, 32, 16, 8, 4, 2, 1],
        [8, 16, 32, 64, 128, 256, 512],
        [51.2, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.6],
        [_FEW, _MANY, _MANY, _MANY, _MANY, _FEW, _FEW],
    ),
}
"""Feature maps of `ssd_300_vgg16_atrous_voc` (8732 anchors) and `ssd_512_vgg16_atrous_voc` (24564 anchors)."""

FEATURE_MAPS: dict[tuple[str, int], tuple[FeatureMap, ...]] = {
    # GluonCV gives networks for a user's own classes smaller anchors at 300 pixels than those for VOC.
    ("vgg16_atrous", 300): _maps([38, 19, 10, 5, 3, 1], [8, 16, 32, 64, 100, 300], _SMALL, _RATIOS),
    ("vgg16_atrous", 512): VGG_SHAPES[512],
    # The smallest anchor is 2.5 times its stride wide.
    ("mobilenet0.25", 128): _maps(
        [16, 8, 4, 2, 1], [8, 16, 32, 64, 128], [20, 40, 72, 96, 112, 128], [_FEW, _MANY, _MANY, _MANY, _FEW]
    ),
    ("mobilenet0.25", 300): _maps([38, 19, 10, 5, 3, 2], [8, 16, 32, 64, 100, 150], _SMALL, _RATIOS),
}
"""Feature maps of what `--network` and `--data-shape` train, by (backbone, data shape)."""


def network_anchors(network: str, data_shape: int) -> NDArray[np.float32]:
    """Return the anchors of a network: `(N, 4) float32` center format in pixels.

    Raises ConfigError, which lists the choices, if they are not known here.
    """
    if (network, data_shape) not in FEATURE_MAPS:
        known = ", ".join(f"{name} {size}" for name, size in FEATURE_MAPS)
        raise ConfigError(f"the anchors of {network} at {data_shape} pixels are not known; those of these are: {known}")
    return _anchors(FEATURE_MAPS[network, data_shape])


def vgg_anchors(data_shape: int) -> NDArray[np.float32]:
    """Return the anchors of GluonCV's VGG16 SSD for VOC: `(N, 4) float32` center format in pixels.

    Raises ConfigError if GluonCV has no such network for the shape.
    """
    if data_shape not in VGG_SHAPES:
        raise ConfigError(f"data_shape must be {' or '.join(map(str, VGG_SHAPES))} for the benchmark, not {data_shape}")
    return _anchors(VGG_SHAPES[data_shape])


def map_anchors(feature_map: FeatureMap) -> NDArray[np.float32]:
    """Return the anchors of one feature map, cell by cell: `(n, 4) float32` center format in pixels."""
    small, large = feature_map.sizes
    shapes = [(small, small), (math.sqrt(small * large),) * 2]
    shapes += [(small * math.sqrt(ratio), small / math.sqrt(ratio)) for ratio in feature_map.ratios[1:]]
    centers = (np.arange(feature_map.cells) + 0.5) * feature_map.step
    anchors = np.empty((feature_map.cells, feature_map.cells, len(shapes), 4), np.float32)
    anchors[..., 0] = centers[None, :, None]
    anchors[..., 1] = centers[:, None, None]
    anchors[..., 2:] = shapes
    return anchors.reshape(-1, 4)


def corner_fractions(anchors: NDArray[np.float32], data_shape: int) -> NDArray[np.float32]:
    """Turn center-format pixel anchors `(N, 4)` into corners as fractions of the network input, for `box_encoder`."""
    half = anchors[:, 2:] / 2
    corners = np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1) / data_shape
    return corners.astype(np.float32)


def _anchors(maps: Sequence[FeatureMap]) -> NDArray[np.float32]:
    return np.concatenate([map_anchors(one) for one in maps])
