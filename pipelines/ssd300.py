"""SSD300 (Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2): the recipe at 300 pixels.

    dali-ssd train --network vgg16_atrous --data-shape 300 --train 'train-*.rec' --val 'val-*.rec'

The augmentation's numbers are the defaults of `dali_ssd.config.AugmentConfig`, which are those of GluonCV's
`SSDDefaultTrainTransform`, the published recipe except for the hue, which GluonCV widens by mistake.
"""

from __future__ import annotations

from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from pipelines.ssd import train, val

__all__ = ["augment", "image", "targets", "train", "val"]

image = RenderConfig(data_shape=300)
augment = AugmentConfig()
targets = TargetConfig()
