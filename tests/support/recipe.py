"""A custom recipe."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from pipelines import ssd
from tests.support.variations import variations

SIDE = 64
_SHOWN_WHOLE: dict[str, Any] = {
    "color_probability": 0,
    "brightness": 1,
    "contrast": (1, 1),
    "saturation": (1, 1),
    "hue": 1,
    "expand_probability": 0,
    "expand_ratio": (1, 2),
    "crop_min_iou": (),
    "crop_scale": (0.9, 1),
    "crop_aspect": (1, 1),
    "crop_attempts": 1,
    "interpolations": ("nearest",),
    "mirror_probability": 1,
}
"""Numbers with which an image of this side is mirrored and nothing else."""


def differing_augment() -> AugmentConfig:
    """Return the numbers above, and the least change of the default for every field that they lack.

    The least, so that images stay as the tests expect them: with a probability of a quarter this would depend on the
    seed.
    """
    usual = AugmentConfig()
    lacking = [field.name for field in fields(AugmentConfig) if field.name not in _SHOWN_WHOLE]
    least = {name: getattr(next(variations(usual, name, 1e-6)), name) for name in lacking}
    return AugmentConfig(**_SHOWN_WHOLE, **least)


OWN = SimpleNamespace(
    train=ssd.train,
    val=ssd.val,
    augment=differing_augment(),
    image=RenderConfig(data_shape=SIDE, dtype="float16", layout="NHWC", mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7)),
    targets=TargetConfig(targets="exact", iou_threshold=0.3, stds=(0.3, 0.4, 0.5, 0.6)),
)
"""A recipe that differs from those of SSD in every number but the kind of targets, which has a test of its own."""

BOXES = SimpleNamespace(
    **{**vars(OWN), "image": RenderConfig(data_shape=SIDE), "targets": TargetConfig(targets="boxes")}
)
"""A recipe for networks that match boxes with their anchors themselves."""
