"""DALI's own operators in GluonCV's order: GluonCV's transform translated step by step.

Decode the whole image, change its color, paste it on a larger canvas, cut out the crop, resize, mirror and normalize,
encode the targets. Nothing is left out, not even expand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from nvidia.dali import fn, math, pipeline_def, types

from dali_ssd.anchors import corner_fractions
from dali_ssd.bench.contenders.device import context, framework
from dali_ssd.bench.contenders.reader import pipeline_options, records
from dali_ssd.bench.work import Work, WorkBatch
from dali_ssd.config import IMAGENET_MEAN, IMAGENET_STD, AugmentConfig, TargetConfig
from dali_ssd.loader.frameworks import find_framework

__all__ = ["batches"]

_MEAN = [255 * mean for mean in IMAGENET_MEAN]
_STD = [255 * std for std in IMAGENET_STD]
_FILTERS = [types.INTERP_NN, types.INTERP_LINEAR, types.INTERP_TRIANGULAR, types.INTERP_CUBIC, types.INTERP_LANCZOS3]


def batches(work: Work, anchors: NDArray[np.float32]) -> Iterator[WorkBatch]:
    """Yield the pipeline's batches as arrays that share DALI's memory, as this package's loader does."""
    into = find_framework(framework(work))
    (device,) = into.devices([context(work)])
    pipeline = _pipeline(work, corner_fractions(anchors, work.data_shape), **pipeline_options(work))
    pipeline.build()
    while True:
        # Without a stream of ours, the results are complete when this returns, on a GPU too.
        data, boxes, classes = pipeline.run()
        arrays = [into.array(tensors, device) for tensors in (data, classes, boxes)]
        yield WorkBatch(arrays[0].shape[0], *([array] for array in arrays))


@pipeline_def
def _pipeline(work: Work, anchors: NDArray[np.float32]) -> tuple[Any, Any, Any]:
    augment, targets = AugmentConfig(), TargetConfig()
    jpegs, labels = records(work)
    boxes, class_ids = _parse(labels)
    images = fn.decoders.image(
        jpegs,
        device="mixed" if work.device == "gpu" else "cpu",
        output_type=types.RGB,
        adjust_orientation=False,
    )
    images, boxes = _expand(_change_color(images, augment), boxes, augment)
    images, boxes, class_ids = _crop(images, boxes, class_ids, augment)
    data, boxes = _to_input(images, boxes, work, augment)
    if work.device == "gpu":
        boxes, class_ids = boxes.gpu(), class_ids.gpu()
    boxes, classes = fn.box_encoder(
        boxes,
        class_ids,
        anchors=anchors.ravel().tolist(),
        criteria=targets.iou_threshold,
        stds=list(targets.stds),
        offset=True,
    )
    return data, boxes, fn.cast(classes, dtype=types.FLOAT)


def _parse(labels: Any) -> tuple[Any, Any]:
    """Split label vectors into boxes `(n, 4)` as fractions and class ids `(n,)` from 1, 0 being the background."""
    header, width = fn.cast(labels[0], dtype=types.INT32), fn.cast(labels[1], dtype=types.INT32)
    body = labels[header:]
    count = fn.cast(body.shape(dtype=types.INT32)[0] / width, dtype=types.INT32)
    objects = fn.reshape(body, shape=fn.stack(count, width))
    return fn.reshape(objects[:, 1:5], shape=[-1, 4]), fn.cast(objects[:, 0], dtype=types.INT32) + 1


def _change_color(images: Any, augment: AugmentConfig) -> Any:
    def sometimes(low: float, high: float, neutral: float) -> Any:
        chosen = fn.random.coin_flip(probability=augment.color_probability)
        return chosen * fn.random.uniform(range=[low, high]) + (1 - chosen) * neutral

    # The brightness shift as a factor at mid-gray: the operator has no shift, and a separate pass would cost more.
    change = augment.brightness / 128
    return fn.color_twist(
        images,
        brightness=sometimes(1 - change, 1 + change, 1),
        contrast=sometimes(*augment.contrast, 1),
        saturation=sometimes(*augment.saturation, 1),
        hue=sometimes(-augment.hue, augment.hue, 0),
    )


def _expand(images: Any, boxes: Any, augment: AugmentConfig) -> tuple[Any, Any]:
    chosen = fn.random.coin_flip(probability=augment.expand_probability)
    ratio = 1 + chosen * (fn.random.uniform(range=list(augment.expand_ratio)) - 1)
    place = {"paste_x": fn.random.uniform(range=[0, 1]), "paste_y": fn.random.uniform(range=[0, 1])}
    images = fn.paste(images, ratio=ratio, fill_value=[round(mean) for mean in _MEAN], **place)
    return images, fn.bbox_paste(boxes, ratio=ratio, ltrb=True, **place)


def _crop(images: Any, boxes: Any, class_ids: Any, augment: AugmentConfig) -> tuple[Any, Any, Any]:
    outputs: Any = fn.random_bbox_crop(
        math.clamp(boxes, 0, 1),
        class_ids,
        aspect_ratio=list(augment.crop_aspect),
        thresholds=list(augment.crop_min_iou),
        scaling=list(augment.crop_scale),
        allow_no_crop=True,
        num_attempts=augment.crop_attempts,
        all_boxes_above_threshold=True,
        bbox_layout="xyXY",
        quiet=True,
    )
    anchor, shape, boxes, class_ids = outputs
    return fn.slice(images, anchor, shape), boxes, class_ids


def _to_input(images: Any, boxes: Any, work: Work, augment: AugmentConfig) -> tuple[Any, Any]:
    mirror = fn.random.coin_flip(probability=augment.mirror_probability)
    images = fn.resize(images, size=[work.data_shape] * 2, interp_type=fn.random.choice(_FILTERS), antialias=False)
    data = fn.crop_mirror_normalize(images, mirror=mirror, mean=_MEAN, std=_STD, dtype=types.FLOAT, output_layout="CHW")
    return data, fn.bb_flip(boxes, ltrb=True, horizontal=mirror)
