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

from dali_ssd.anchors import FEATURE_MAPS

__all__ = ["SMALL_NETWORKS"]

_BACKBONE = "mobilenet0.25"
_FEATURES = ("relu10_fwd", "relu22_fwd", "relu26_fwd")
"""The last layers of stride 8, 16 and 32."""


def _mobilenet(data_shape: int, filters: tuple[int, ...], **options: Any) -> Any:
    """Build an SSD with three feature maps of the backbone, then one for each of `filters`."""
    maps = FEATURE_MAPS[_BACKBONE, data_shape]
    return get_ssd(
        _BACKBONE,
        data_shape,
        features=list(_FEATURES),
        filters=list(filters),
        sizes=[one.sizes[0] for one in maps] + [maps[-1].sizes[1]],
        ratios=[one.ratios for one in maps],
        steps=[one.step for one in maps],
        dataset="",
        **options,
    )


SMALL_NETWORKS: dict[tuple[str, int], Callable[..., Any]] = {
    # For tests and the demo: about five times as fast as at 300 pixels.
    (_BACKBONE, 128): functools.partial(_mobilenet, 128, filters=(128, 128)),
    (_BACKBONE, 300): functools.partial(_mobilenet, 300, filters=(256, 256, 128)),
}
"""Builders by (backbone, data shape); each takes `classes` and GluonCV's keyword arguments."""
