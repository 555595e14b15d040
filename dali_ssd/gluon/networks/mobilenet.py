"""Small SSDs for CPUs: MobileNet 0.25, with the anchors of SSD300 on the true strides of its features.

GluonCV's zoo has a `ssd_300_mobilenet0.25` as well. Its first feature has stride 16, but its anchors are laid out in
steps of VGG's 8: they all lie in the upper left quarter of the image, and small objects elsewhere have none. On BCCD,
60 epochs from scratch, it reached a mAP of 0.14 (0.21 with only the steps corrected); this one reaches 0.61 with
GluonCV's loader and the same seed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from gluoncv.model_zoo.ssd.ssd import get_ssd

__all__ = ["SMALL_NETWORKS"]

_FEW = (1, 2, 0.5)
_MANY = (1, 2, 0.5, 3, 1 / 3)
_FEATURES = ("relu10_fwd", "relu22_fwd", "relu26_fwd")
"""The last layers of stride 8, 16 and 32."""


def _mobilenet(
    data_shape: int, filters: tuple[int, ...], sizes: tuple[float, ...], steps: tuple[float, ...], **options: Any
) -> Any:
    """Build an SSD with as many feature maps as `steps`: three of the backbone, then one for each of `filters`."""
    return get_ssd(
        "mobilenet0.25",
        data_shape,
        features=list(_FEATURES),
        filters=list(filters),
        sizes=list(sizes),
        ratios=[_FEW, *[_MANY] * 3, *[_FEW] * (len(steps) - 4)],
        steps=list(steps),
        dataset="",
        **options,
    )


SMALL_NETWORKS: dict[tuple[str, int], Callable[..., Any]] = {
    # For tests and the demo: about five times as fast as at 300 pixels; the smallest anchor 2.5 times its stride wide.
    ("mobilenet0.25", 128): functools.partial(
        _mobilenet, 128, filters=(128, 128), sizes=(20, 40, 72, 96, 112, 128), steps=(8, 16, 32, 64, 128)
    ),
    # Maps of 38, 19, 10, 5, 3 and 2 cells; sizes are those of GluonCV's preset.
    ("mobilenet0.25", 300): functools.partial(
        _mobilenet,
        300,
        filters=(256, 256, 128),
        sizes=(21, 45, 99, 153, 207, 261, 315),
        steps=(8, 16, 32, 64, 100, 150),
    ),
}
"""Builders by (backbone, data shape); each takes `classes` and GluonCV's keyword arguments."""
