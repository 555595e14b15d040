"""MXNet's own detection iterator, with its augmentation set as close to GluonCV's as possible.

It makes no training targets (its labels are padded boxes), so it does less than the others. Its color changes work on
HLS values, its crops have no condition on all boxes, and its decoding threads are capped at half the cores less
one, whatever is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

import mxnet as mx
import numpy as np
from numpy.typing import NDArray

from dali_ssd.bench.contenders.device import to_device
from dali_ssd.bench.work import Work, WorkBatch
from dali_ssd.config import IMAGENET_MEAN, IMAGENET_STD, AugmentConfig

__all__ = ["batches"]


def batches(work: Work, anchors: NDArray[np.float32]) -> Iterator[WorkBatch]:
    """Yield the batches of an ImageDetRecordIter, epoch after epoch; they hold no targets, so `anchors` is unused."""
    iterator = mx.io.ImageDetRecordIter(
        # The reader under it takes several files in one string.
        path_imgrec=";".join(work.shards),
        data_shape=(3, work.data_shape, work.data_shape),
        batch_size=work.batch_size,
        preprocess_threads=work.threads,
        label_pad_width=-1,
        shuffle=True,
        seed=work.seed,
        verbose=False,
        ctx="cpu",
        **_normalization(),
        **_color(AugmentConfig()),
        **_geometry(AugmentConfig()),
    )
    while True:
        iterator.reset()
        for batch in iterator:
            yield to_device(work, batch.data[0])


def _normalization() -> dict[str, float]:
    means = {f"mean_{channel}": 255 * mean for channel, mean in zip("rgb", IMAGENET_MEAN, strict=True)}
    return means | {f"std_{channel}": 255 * std for channel, std in zip("rgb", IMAGENET_STD, strict=True)}


def _color(augment: AugmentConfig) -> dict[str, float]:
    """Return the largest changes of hue (OpenCV's 0..180), saturation and lightness (of 255) and contrast (a share)."""
    names = ("hue", "saturation", "illumination", "contrast")
    probabilities = {f"random_{name}_prob": augment.color_probability for name in names}
    return probabilities | {
        "max_random_hue": int(augment.hue / 2),
        "max_random_saturation": int(augment.brightness),
        "max_random_illumination": int(augment.brightness),
        "max_random_contrast": augment.contrast[1] - 1,
    }


def _geometry(augment: AugmentConfig) -> dict[str, object]:
    samplers = len(augment.crop_min_iou)
    crop: dict[str, object] = {
        "num_crop_sampler": samplers,
        # As often as in GluonCV, where the whole image is one more candidate.
        "rand_crop_prob": samplers / (samplers + 1),
        "min_crop_overlaps": augment.crop_min_iou,
        "max_crop_trials": (augment.crop_attempts,) * samplers,
    }
    # Every option must be given once per sampler.
    for option, value in {
        "min_crop_scales": augment.crop_scale[0],
        "max_crop_scales": augment.crop_scale[1],
        "min_crop_aspect_ratios": augment.crop_aspect[0],
        "max_crop_aspect_ratios": augment.crop_aspect[1],
        "max_crop_overlaps": 1.0,
        "min_crop_sample_coverages": 0.0,
        "max_crop_sample_coverages": 1.0,
        "min_crop_object_coverages": 0.0,
        "max_crop_object_coverages": 1.0,
    }.items():
        crop[option] = (value,) * samplers
    return crop | {
        "rand_pad_prob": augment.expand_probability,
        "max_pad_scale": augment.expand_ratio[1],
        "fill_value": round(255 * sum(IMAGENET_MEAN) / 3),
        "inter_method": 10,  # drawn at random for each image
        "rand_mirror_prob": augment.mirror_probability,
    }
