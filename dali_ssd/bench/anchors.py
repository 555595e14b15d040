"""The anchors of GluonCV's VGG16 SSDs with the sizes of its Pascal VOC models, which all contenders get."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dali_ssd.anchors import FEW_RATIOS, MANY_RATIOS, NETWORKS, anchor_layers, lay_out
from dali_ssd.errors import ConfigError

__all__ = ["VGG_SHAPES", "corner_fractions", "vgg_anchors"]

VGG_SHAPES = {
    300: anchor_layers(
        (38, 19, 10, 5, 3, 1),
        (8, 16, 32, 64, 100, 300),
        (30, 60, 111, 162, 213, 264, 315),
        [FEW_RATIOS, *[MANY_RATIOS] * 3, FEW_RATIOS, FEW_RATIOS],
    ),
    512: NETWORKS["vgg16_atrous", 512],
}
"""Feature maps of `ssd_300_vgg16_atrous_voc` (8732 anchors) and `ssd_512_vgg16_atrous_voc` (24564 anchors)."""


def vgg_anchors(data_shape: int) -> NDArray[np.float32]:
    """Return the anchors of GluonCV's VGG16 SSD: `(N, 4) float32` center format in pixels.

    Raises ConfigError if GluonCV has no such network for the shape.
    """
    if data_shape not in VGG_SHAPES:
        raise ConfigError(f"data_shape must be {' or '.join(map(str, VGG_SHAPES))} for the benchmark, not {data_shape}")
    return lay_out(VGG_SHAPES[data_shape])


def corner_fractions(anchors: NDArray[np.float32], data_shape: int) -> NDArray[np.float32]:
    """Turn center-format pixel anchors `(N, 4)` into corners as fractions of the network input, for `box_encoder`."""
    half = anchors[:, 2:] / 2
    corners = np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1) / data_shape
    return corners.astype(np.float32)
