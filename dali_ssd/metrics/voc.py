"""VOC07 average precision: the mean of the precision at eleven recalls.

Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.2, as GluonCV's
`VOC07MApMetric`, ties included: boxes end a pixel further (VOC counts whole pixels, both ends included), an object is
found by the surest detection whose best overlap it is, and a further one of the same object is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dali_ssd.metrics.detections import Detections

__all__ = ["precision_recall", "voc07_scores"]

_MIN_IOU = 0.5
_RECALLS = np.arange(0.0, 1.1, 0.1)


def voc07_scores(images: Sequence[Detections], classes: int) -> tuple[float, ...]:
    """Return the average precision of each class at IoU 0.5; NaN for a class of which no object counts."""
    curves = (precision_recall(images, class_id) for class_id in range(classes))
    return tuple(math.nan if curve is None else _average_precision(*curve) for curve in curves)


def precision_recall(
    images: Sequence[Detections], class_id: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return precision and recall at IoU 0.5, (n,) each, after each of a class's detections, the surest first.

    None if no object of the class counts.
    """
    judged = [_judge(image, class_id) for image in images]
    objects = sum(image.objects for image in judged)
    if not objects:
        return None
    scores = np.concatenate([image.scores for image in judged])
    order = np.argsort(scores)[::-1]
    right = np.concatenate([image.right for image in judged])[order]
    counts = np.concatenate([image.counts for image in judged])[order]
    hits = np.cumsum(right)
    return hits / np.maximum(np.cumsum(counts), 1), hits / objects


def _judge(image: Detections, class_id: int) -> _Judged:
    found, true = image.class_ids == class_id, image.true_ids == class_id
    order = np.argsort(image.scores[found])[::-1]
    boxes, scores = image.boxes[found][order], image.scores[found][order]
    true_boxes, difficult = image.true_boxes[true], image.difficult[true]
    objects = int((~difficult).sum())
    if not len(boxes) or not len(true_boxes):
        return _Judged(scores, np.zeros(len(boxes), bool), np.ones(len(boxes), bool), objects)
    iou = _iou(boxes, true_boxes)
    best = iou.argmax(axis=1)
    meets = iou.max(axis=1) >= _MIN_IOU
    first = np.zeros(len(boxes), bool)
    first[np.flatnonzero(meets)[np.unique(best[meets], return_index=True)[1]]] = True
    passed_over = meets & difficult[best]
    return _Judged(scores, first & ~passed_over, ~passed_over, objects)


def _iou(boxes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the overlap of all pairs, (n, m), of boxes (n, 4) and (m, 4), which include their last pixels."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:]) + 1
    shared = np.where((low < high).all(axis=2), np.prod(high - low, axis=2), 0)
    areas, other_areas = (np.prod(some[:, 2:] + 1 - some[:, :2], axis=1) for some in (boxes, others))
    overlaps: NDArray[np.float32] = shared / (areas[:, None] + other_areas - shared)
    return overlaps


def _average_precision(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> float:
    return float(sum(precision[recall >= least].max(initial=0.0) / len(_RECALLS) for least in _RECALLS))


class _Judged(NamedTuple):
    """The detections of one class, from all images or one, and how many objects there are to find."""

    scores: NDArray[np.float32]
    """(n,)"""
    right: NDArray[np.bool_]
    """(n,) the first to find an object."""
    counts: NDArray[np.bool_]
    """(n,) False for one that found a difficult object."""
    objects: int
