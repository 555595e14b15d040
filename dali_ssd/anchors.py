"""The anchors of SSDs by formula, in NumPy, within a second and without weights.

Liu et al., "SSD: Single Shot MultiBox Detector", section 2.2, with the numbers and the order of GluonCV's networks: for
each cell of a feature map a square of the map's size, a square between this size and that of the next map, and a
rectangle of the first's area for each further aspect ratio. The small networks of `gluon.networks.mobilenet` are built
from these numbers; a test compares all with what the networks have.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import ConfigError

__all__ = [
    "FEATURE_MAPS",
    "FEW_RATIOS",
    "MANY_RATIOS",
    "VGG_SHAPES",
    "FeatureMap",
    "corner_fractions",
    "feature_maps",
    "lay_out",
    "map_anchors",
    "map_of_each",
    "network_anchors",
    "vgg_anchors",
]

FEW_RATIOS = (1.0, 2.0, 0.5)
MANY_RATIOS = (1.0, 2.0, 0.5, 3.0, 1.0 / 3)


@dataclass(frozen=True)
class FeatureMap:
    """One feature map and its anchors."""

    cells: int
    """Cells per side."""
    step: float
    """Network pixels per cell."""
    sizes: tuple[float, float]
    """Size of this map's anchors, and of the next map's, in network pixels."""
    ratios: tuple[float, ...]
    """Width over height of the anchors; the first is 1."""
    style: Literal["ssd", "lite", "lite first"] = "ssd"
    """Which squares there are: those of the paper, or those of GluonCV's `LiteAnchorGenerator` in its first map or in a
    later one."""

    @property
    def shapes(self) -> NDArray[np.float64]:
        """Return width and height of the anchors of a cell, (k, 2) in network pixels."""
        size, between = self.sizes[0], math.sqrt(self.sizes[0] * self.sizes[1])
        flat = [(size * math.sqrt(ratio), size / math.sqrt(ratio)) for ratio in self.ratios[1:]]
        if self.style == "ssd":
            return np.array([(size, size), (between, between), *flat])
        return np.array([(size / 2, size / 2), *flat, *([(between, between)] if self.style == "lite" else [])])


def feature_maps(
    cells: Sequence[int], steps: Sequence[float], sizes: Sequence[float], ratios: Sequence[tuple[float, ...]]
) -> tuple[FeatureMap, ...]:
    """Return the maps of a network from the numbers that GluonCV's `get_ssd` takes; one more size than maps."""
    return tuple(FeatureMap(*each) for each in zip(cells, steps, itertools.pairwise(sizes), ratios, strict=True))


def network_anchors(network: str, data_shape: int) -> NDArray[np.float32]:
    """Return the anchors of a network: `(N, 4) float32` center format in pixels.

    Raises ConfigError, which lists the choices, if they are not known here.
    """
    if (network, data_shape) not in FEATURE_MAPS:
        known = ", ".join(f"{name} {size}" for name, size in FEATURE_MAPS)
        raise ConfigError(f"the anchors of {network} at {data_shape} pixels are not known; those of these are: {known}")
    return lay_out(FEATURE_MAPS[network, data_shape])


def vgg_anchors(data_shape: int) -> NDArray[np.float32]:
    """Return the anchors of GluonCV's VGG16 SSD for VOC: `(N, 4) float32` center format in pixels.

    Raises ConfigError if GluonCV has no such network for the shape.
    """
    if data_shape not in VGG_SHAPES:
        raise ConfigError(f"data_shape must be {' or '.join(map(str, VGG_SHAPES))} for the benchmark, not {data_shape}")
    return lay_out(VGG_SHAPES[data_shape])


def lay_out(maps: Sequence[FeatureMap]) -> NDArray[np.float32]:
    """Return all anchors of some feature maps in a network's order: `(N, 4) float32`, center format in pixels."""
    return np.concatenate([map_anchors(one) for one in maps])


def map_anchors(feature_map: FeatureMap) -> NDArray[np.float32]:
    """Return the anchors of one feature map, cell by cell: `(n, 4) float32` center format in pixels."""
    shapes = feature_map.shapes
    centers = (np.arange(feature_map.cells) + 0.5) * feature_map.step
    anchors = np.empty((feature_map.cells, feature_map.cells, len(shapes), 4), np.float32)
    anchors[..., 0] = centers[None, :, None]
    anchors[..., 1] = centers[:, None, None]
    anchors[..., 2:] = shapes
    return anchors.reshape(-1, 4)


def map_of_each(maps: Sequence[FeatureMap]) -> NDArray[np.int64]:
    """Return the number of the feature map of each anchor, (N,)."""
    return np.repeat(np.arange(len(maps)), [one.cells**2 * len(one.shapes) for one in maps])


def corner_fractions(anchors: NDArray[np.float32], data_shape: int) -> NDArray[np.float32]:
    """Turn center-format pixel anchors `(N, 4)` into corners as fractions of the network input, for `box_encoder`."""
    half = anchors[:, 2:] / 2
    corners = np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1) / data_shape
    return corners.astype(np.float32)


def _few_and_many(many: int) -> list[tuple[float, ...]]:
    """Return the ratios of feature maps: few for the first and the last two, many for those between."""
    return [FEW_RATIOS, *[MANY_RATIOS] * many, FEW_RATIOS, FEW_RATIOS]


_HALVED = (8, 16, 32, 64, 128, 256, 512)
_STEPS_OF_300 = (8, 16, 32, 64, 100, 300)
_SIZES_OF_300 = (21, 45, 99, 153, 207, 261, 315)
_WIDE_512 = feature_maps(
    (64, 32, 16, 8, 4, 2, 1), _HALVED, (51.2, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.6), _few_and_many(4)
)
_NARROW_512 = feature_maps(
    (32, 16, 8, 4, 2, 1), _HALVED[1:], (51.2, 102.4, 189.4, 276.4, 363.52, 450.6, 492), _few_and_many(3)
)
_RESNET50_512 = feature_maps(
    (32, 16, 8, 4, 2, 1), _HALVED[1:], (51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72), _few_and_many(3)
)
_WIDE_300 = feature_maps((38, 19, 10, 5, 3, 1), _STEPS_OF_300, _SIZES_OF_300, _few_and_many(3))
_LITE_300 = tuple(
    FeatureMap(cells, step, sizes, ratios, "lite" if number else "lite first")
    for number, (cells, step, sizes, ratios) in enumerate(
        zip(
            (19, 10, 5, 3, 2, 1),
            (16, 30, 60, 100, 150, 300),
            itertools.pairwise((60, 105, 150, 195, 240, 285, 300)),
            (FEW_RATIOS, *[MANY_RATIOS] * 5),
            strict=True,
        )
    )
)

FEATURE_MAPS: dict[tuple[str, int], tuple[FeatureMap, ...]] = {
    ("vgg16_atrous", 300): _WIDE_300,
    ("vgg16_atrous", 512): _WIDE_512,
    ("resnet18_v1", 512): _NARROW_512,
    ("resnet34_v1b", 300): _WIDE_300,
    ("resnet50_v1", 512): _RESNET50_512,
    ("resnet101_v2", 512): _NARROW_512,
    ("resnet152_v2", 512): _WIDE_512,
    ("mobilenet1.0", 512): _NARROW_512,
    ("mobilenet1.0_lite", 300): _LITE_300,
    # The smallest anchor is 2.5 times its stride wide.
    ("mobilenet0.25", 128): feature_maps(
        (16, 8, 4, 2, 1), _HALVED[:5], (20, 40, 72, 96, 112, 128), [FEW_RATIOS, *[MANY_RATIOS] * 3, FEW_RATIOS]
    ),
    ("mobilenet0.25", 300): feature_maps(
        (38, 19, 10, 5, 3, 2), (8, 16, 32, 64, 100, 150), _SIZES_OF_300, _few_and_many(3)
    ),
}
"""Feature maps of what `--network` and `--data-shape` name, by (backbone, data shape): GluonCV's and our own.

GluonCV gives networks for a user's own classes smaller anchors at 300 pixels than those for VOC."""

VGG_SHAPES = {
    300: feature_maps((38, 19, 10, 5, 3, 1), _STEPS_OF_300, (30, 60, 111, 162, 213, 264, 315), _few_and_many(3)),
    512: _WIDE_512,
}
"""Feature maps of `ssd_300_vgg16_atrous_voc` (8732 anchors) and `ssd_512_vgg16_atrous_voc` (24564 anchors)."""
