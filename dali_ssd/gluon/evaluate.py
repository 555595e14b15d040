"""Score an SSD: its detections in validation batches, and their scores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dali_ssd.gluon.networks.zoo import for_scoring
from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.scores import METRICS, Scores, check_ids, score

__all__ = ["Found", "detect", "evaluate", "join"]


Found: TypeAlias = list[tuple[Any, list[Detections]]]
"""The images of a batch on each device, with the device."""


def detect(net: Any, batches: Iterable[Any], data_shape: int) -> Iterator[Found]:
    """Yield the detections of each validation batch, on each device, boxes clipped to the image.

    A batch has `.data` and `.labels`, lists with one NDArray per device; labels are (B, M, 6) network pixels,
    padded with -1. The network stays in scoring mode: call `for_training` before training continues.
    """
    for_scoring(net)
    for batch in batches:
        # All devices get their work before the first result is waited for.
        outputs = [net(data) for data in batch.data]
        found = []
        for data, (ids, scores, boxes), labels in zip(batch.data, outputs, batch.labels, strict=True):
            arrays = (boxes.clip(0, data_shape), ids, scores, labels)
            images = [_detections(*image) for image in zip(*(array.asnumpy() for array in arrays), strict=True)]
            found.append((data.context, images))
        yield found


def evaluate(
    net: Any, batches: Iterable[Any], classes: Sequence[str], data_shape: int, metrics: Collection[str] = tuple(METRICS)
) -> Scores:
    """Score a network on validation batches (see `detect`).

    `classes` are the names of the class ids, `metrics` keys of `METRICS`. Raises DatasetError if a label has an id
    without a name.
    """
    return score(join(detect(net, batches, data_shape), len(classes)), classes, data_shape, metrics)


def join(batches: Iterable[Found], num_classes: int) -> list[Detections]:
    """Return the images of batches from `detect` in the order of the records, of which each device has its own part.

    Raises DatasetError if a label has an id of no class.
    """
    devices: dict[Any, list[Detections]] = {}
    for found in batches:
        for device, images in found:  # any device may be missing in the last batch, also the first one
            for image in images:
                check_ids(image, num_classes)  # before the other batches are run
            devices.setdefault(device, []).extend(images)
    return [image for images in devices.values() for image in images]


def _detections(
    boxes: NDArray[np.float32], ids: NDArray[np.float32], scores: NDArray[np.float32], labels: NDArray[np.float32]
) -> Detections:
    kept = ids[:, 0] >= 0
    real = labels[:, 4] >= 0
    difficult = labels[real, 5] > 0 if labels.shape[1] > 5 else np.zeros(int(real.sum()), bool)
    return Detections(
        boxes[kept].astype(np.float32),
        ids[kept, 0].astype(np.int32),
        scores[kept, 0].astype(np.float32),
        labels[real, :4].astype(np.float32),
        labels[real, 4].astype(np.int32),
        difficult,
    )
