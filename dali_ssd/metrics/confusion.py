"""The confusion of classes: what the detections of each object's place say that it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.voc import MIN_IOU, pixel_iou

__all__ = ["Mistaken", "confusion", "mistakes", "row_shares"]


class Mistaken(NamedTuple):
    """Objects of one class that are taken for another."""

    true_id: int
    found_id: int
    times: int
    share: float
    """Of all objects of that class."""


def confusion(
    images: Sequence[Detections], classes: int, min_score: float, min_iou: float = MIN_IOU
) -> NDArray[np.int64]:
    """Count what is found in the place of the objects of each class, (classes + 1, classes + 1).

    A row is a class of objects, a column one of detections: those from `min_score` on are taken in turn, the surest
    first, and each has the object that it overlaps most, by `min_iou` at least, of those that no surer one has,
    whatever its class. The last column counts objects that are left: missed. The last row counts detections that are
    left: background, or an object's second. Difficult objects count nowhere, nor do detections that have one.
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for image in images:
        _count(image, min_score, min_iou, counts)
    return counts


def row_shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the counts of a confusion matrix as shares of their row; a row of zeros stays one."""
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def mistakes(counts: NDArray[np.int64], most: int) -> list[Mistaken]:
    """Return the pairs of classes that are mistaken most often, at most `most`, of equal ones the first."""
    shares = row_shares(counts)
    between = counts[:-1, :-1] * ~np.eye(len(counts) - 1, dtype=bool)
    order = np.argsort(-between, axis=None, kind="stable")[:most]
    pairs = [(int(number) // len(between), int(number) % len(between)) for number in order]
    return [Mistaken(*pair, int(counts[pair]), float(shares[pair])) for pair in pairs if between[pair]]


def _count(image: Detections, min_score: float, min_iou: float, counts: NDArray[np.int64]) -> None:
    sure = np.flatnonzero(image.scores >= min_score)
    order = sure[np.argsort(-image.scores[sure], kind="stable")]
    free = np.ones(len(image.true_ids), bool)
    for row, overlaps in zip(order, pixel_iou(image.boxes[order], image.true_boxes), strict=True):
        open_overlaps = np.where(free, overlaps, -1)
        if open_overlaps.max(initial=-1) < min_iou:
            counts[-1, image.class_ids[row]] += 1
            continue
        nearest = int(open_overlaps.argmax())
        if not image.difficult[nearest]:  # which any number of detections may have
            free[nearest] = False
            counts[image.true_ids[nearest], image.class_ids[row]] += 1
    np.add.at(counts[:, -1], image.true_ids[free & ~image.difficult], 1)
