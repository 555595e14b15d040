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

__all__ = [
    "MIN_IOU",
    "RECALLS",
    "Judged",
    "best_precisions",
    "judge",
    "pixel_iou",
    "precision_recall",
    "running",
    "voc07_scores",
]

MIN_IOU = 0.5
"""Overlap from which on a detection has found an object."""
RECALLS = np.arange(0.0, 1.1, 0.1)
"""The eleven recalls."""


class Judged(NamedTuple):
    """The detections of one class, from all images or one, and how many objects there are to find."""

    scores: NDArray[np.float32]
    """(n,)"""
    right: NDArray[np.bool_]
    """(n,) the first to find an object."""
    counts: NDArray[np.bool_]
    """(n,) False for one that found a difficult object."""
    objects: int


def voc07_scores(images: Sequence[Detections], classes: int) -> tuple[float, ...]:
    """Return the average precision of each class at IoU 0.5; NaN for a class of which no object counts."""
    curves = (precision_recall(images, class_id) for class_id in range(classes))
    return tuple(math.nan if curve is None else _mean(best_precisions(*curve)) for curve in curves)


def precision_recall(
    images: Sequence[Detections], class_id: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return precision and recall at IoU 0.5, (n,) each, after each of a class's detections, the surest first.

    None if no object of the class counts.
    """
    judged = [judge(image, class_id)[0] for image in images]
    objects = sum(image.objects for image in judged)
    if not objects:
        return None
    _, precision, recall = running(
        Judged(
            np.concatenate([image.scores for image in judged]),
            np.concatenate([image.right for image in judged]),
            np.concatenate([image.counts for image in judged]),
            objects,
        )
    )
    return precision, recall


def running(judged: Judged) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Return scores, precision and recall, (n,) each, after each detection of a class, the surest first.

    There must be objects to find.
    """
    order = np.argsort(judged.scores)[::-1]
    hits = np.cumsum(judged.right[order])
    return judged.scores[order], hits / np.maximum(np.cumsum(judged.counts[order]), 1), hits / judged.objects


def judge(
    image: Detections, class_id: int, min_iou: float = MIN_IOU
) -> tuple[Judged, NDArray[np.intp], NDArray[np.intp]]:
    """Judge the detections of a class in an image, the surest first.

    Returns with them each one's row among the image's detections, (n,), and the row of the object that it meets,
    of those of its class the one that it overlaps most, (n,): -1 if it overlaps none by `min_iou`.
    """
    found, true = np.flatnonzero(image.class_ids == class_id), np.flatnonzero(image.true_ids == class_id)
    rows = found[np.argsort(image.scores[found])[::-1]]
    boxes, scores = image.boxes[rows], image.scores[rows]
    true_boxes, difficult = image.true_boxes[true], image.difficult[true]
    objects = int((~difficult).sum())
    if not len(boxes) or not len(true_boxes):
        judged = Judged(scores, np.zeros(len(boxes), bool), np.ones(len(boxes), bool), objects)
        return judged, rows, np.full(len(boxes), -1)
    iou = pixel_iou(boxes, true_boxes)
    best = iou.argmax(axis=1)
    meets = iou.max(axis=1) >= min_iou
    first = np.zeros(len(boxes), bool)
    first[np.flatnonzero(meets)[np.unique(best[meets], return_index=True)[1]]] = True
    passed_over = meets & difficult[best]
    return Judged(scores, first & ~passed_over, ~passed_over, objects), rows, np.where(meets, true[best], -1)


def pixel_iou(boxes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the overlap of all pairs, (n, m), of boxes (n, 4) and (m, 4), which include their last pixels."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:]) + 1
    shared = np.where((low < high).all(axis=2), np.prod(high - low, axis=2), 0)
    areas, other_areas = (np.prod(some[:, 2:] + 1 - some[:, :2], axis=1) for some in (boxes, others))
    overlaps: NDArray[np.float32] = shared / (areas[:, None] + other_areas - shared)
    return overlaps


def best_precisions(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> list[float]:
    """Return the best precision from each of the eleven recalls on; 0 for those that are not reached."""
    return [float(precision[recall >= least].max(initial=0.0)) for least in RECALLS]


def _mean(precisions: Sequence[float]) -> float:
    """Return the mean, to the bit as GluonCV adds it up: from Python 3.12 on, `sum` is more exact."""
    mean = 0.0
    for precision in precisions:
        mean += precision / len(precisions)
    return mean
