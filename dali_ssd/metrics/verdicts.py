"""What becomes of each detection and of each object: right, wrong in one of four ways, or not counted; found or missed.

The ways to be wrong are those of Hoiem et al., "Diagnosing Error in Object Detectors", ECCV 2012, and of Bolya et al.,
"TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020, which differ in what goes first. Here the
object that a box overlaps most decides. What is right is VOC's rule (`dali_ssd.metrics.voc.judge`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.voc import MIN_IOU, Judged, judge, pixel_iou

__all__ = ["TOUCHES", "WRONG", "Kind", "Verdicts", "find_verdicts"]

TOUCHES = 0.1
"""Overlap from which on a wrong detection is about an object, and not background; that of both papers."""


class Kind(IntEnum):
    """What a detection is."""

    RIGHT = 0
    """The first to find an object of its class."""
    LOCALIZATION = 1
    """Wrong: overlaps an object of its class most, but not enough."""
    CONFUSION = 2
    """Wrong: overlaps an object of another class most."""
    DUPLICATE = 3
    """Wrong: finds an object that a surer one has found."""
    BACKGROUND = 4
    """Wrong: overlaps no object."""
    PASSED_OVER = 5
    """Finds a difficult object, and so counts for nothing."""


WRONG = (Kind.LOCALIZATION, Kind.CONFUSION, Kind.DUPLICATE, Kind.BACKGROUND)


@dataclass(frozen=True)
class Verdicts:
    """The detections (n) and the objects (m) of all images, image by image."""

    image: NDArray[np.int32]
    """(n,) the number of the image."""
    row: NDArray[np.int32]
    """(n,) among the image's detections; the surest of each class first."""
    class_ids: NDArray[np.int32]
    """(n,)"""
    scores: NDArray[np.float32]
    """(n,)"""
    kind: NDArray[np.uint8]
    """(n,) a `Kind`."""
    nearest: NDArray[np.int32]
    """(n,) the row of the object that it finds, or else overlaps most; -1 if it overlaps none."""
    iou: NDArray[np.float32]
    """(n,) with that object."""
    true_image: NDArray[np.int32]
    """(m,) the number of the image."""
    true_row: NDArray[np.int32]
    """(m,) among the image's objects."""
    true_ids: NDArray[np.int32]
    """(m,)"""
    difficult: NDArray[np.bool_]
    """(m,)"""
    side: NDArray[np.float32]
    """(m,) the square root of its area, network pixels."""
    found_at: NDArray[np.float32]
    """(m,) the score of the detection that found it; -1 if none did."""

    def judged(self, class_id: int | None = None) -> Judged:
        """Return the detections of a class, or of all of them, for `dali_ssd.metrics.voc.running`."""
        mine = slice(None) if class_id is None else self.class_ids == class_id
        kinds = self.kind[mine]
        objects = int((~self.difficult if class_id is None else (self.true_ids == class_id) & ~self.difficult).sum())
        return Judged(self.scores[mine], kinds == Kind.RIGHT, kinds != Kind.PASSED_OVER, objects)

    def surest(self, kind: Kind, count: int, min_score: float) -> list[int]:
        """Return the numbers of the surest detections of a kind, from `min_score` on, of equal ones the first."""
        chosen = np.flatnonzero((self.kind == kind) & (self.scores >= min_score))
        return [int(number) for number in chosen[np.argsort(-self.scores[chosen], kind="stable")[:count]]]

    def missed(self, min_score: float) -> NDArray[np.bool_]:
        """Return which objects no detection finds from `min_score` on, (m,); difficult ones are not missed."""
        return ~self.difficult & (self.found_at < min_score)

    def largest_missed(self, count: int, min_score: float) -> list[int]:
        """Return the numbers of the largest objects that are missed, of equal ones the first."""
        chosen = np.flatnonzero(self.missed(min_score))
        return [int(number) for number in chosen[np.argsort(-self.side[chosen], kind="stable")[:count]]]


def find_verdicts(images: Sequence[Detections], min_iou: float = MIN_IOU) -> Verdicts:
    """Judge the detections of all images; `min_iou` is the overlap from which on an object is found."""
    counts = (sum(len(image.class_ids) for image in images), sum(len(image.true_ids) for image in images))
    # Columns as long as they will be: parts of very many images would take many times the memory.
    verdicts = Verdicts(**{name: np.zeros(counts[name in _OF_OBJECTS], dtype) for name, dtype in _DTYPES.items()})
    at = true_at = 0
    for number, image in enumerate(images):
        here = slice(true_at, true_at + len(image.true_ids))
        overlaps = pixel_iou(image.boxes, image.true_boxes)
        _fill_objects(verdicts, here, number, image)
        for class_id in np.unique(image.class_ids):
            part = _of_class(image, int(class_id), overlaps, min_iou)
            _fill_detections(verdicts, slice(at, at + len(part.rows)), number, image, part)
            hits = part.kinds == Kind.RIGHT
            verdicts.found_at[here][part.nearest[hits]] = image.scores[part.rows[hits]]
            at += len(part.rows)
        true_at = here.stop
    return verdicts


_OF_OBJECTS = ("true_image", "true_row", "true_ids", "difficult", "side", "found_at")
_DTYPES: dict[str, Any] = {field.name: np.int32 for field in fields(Verdicts)}
_DTYPES |= {"scores": np.float32, "kind": np.uint8, "iou": np.float32, "difficult": np.bool_}
_DTYPES |= {"side": np.float32, "found_at": np.float32}


class _OfClass(NamedTuple):
    """The verdicts on the detections of one class in an image."""

    rows: NDArray[np.intp]
    kinds: NDArray[np.uint8]
    nearest: NDArray[np.intp]
    iou: NDArray[np.float32]


def _fill_objects(verdicts: Verdicts, here: slice, number: int, image: Detections) -> None:
    """Write the rows of an image's objects, none of which is found yet."""
    sizes = np.clip(image.true_boxes[:, 2:] - image.true_boxes[:, :2], 0, None)
    verdicts.true_image[here] = number
    verdicts.true_row[here] = np.arange(len(sizes))
    verdicts.true_ids[here] = image.true_ids
    verdicts.difficult[here] = image.difficult
    verdicts.side[here] = np.sqrt(np.prod(sizes, axis=1))
    verdicts.found_at[here] = -1


def _fill_detections(verdicts: Verdicts, here: slice, number: int, image: Detections, part: _OfClass) -> None:
    """Write the rows of the detections of a class in an image."""
    verdicts.image[here] = number
    verdicts.row[here] = part.rows
    verdicts.class_ids[here] = image.class_ids[part.rows]
    verdicts.scores[here] = image.scores[part.rows]
    verdicts.kind[here] = part.kinds
    verdicts.nearest[here] = part.nearest
    verdicts.iou[here] = part.iou


def _of_class(image: Detections, class_id: int, overlaps: NDArray[np.float32], min_iou: float) -> _OfClass:
    judged, rows, met = judge(image, class_id, min_iou)
    if not len(image.true_ids):
        none = np.zeros(len(rows), np.float32)
        return _OfClass(rows, np.full(len(rows), Kind.BACKGROUND, np.uint8), np.full(len(rows), -1), none)
    mine = overlaps[rows]
    best = mine.argmax(axis=1)
    iou = mine[np.arange(len(rows)), best]
    own = image.true_ids[best] == class_id
    kinds = np.select(
        [judged.right, ~judged.counts, met >= 0, iou < TOUCHES, own],
        [Kind.RIGHT, Kind.PASSED_OVER, Kind.DUPLICATE, Kind.BACKGROUND, Kind.LOCALIZATION],
        Kind.CONFUSION,
    ).astype(np.uint8)
    nearest = np.where(met >= 0, met, np.where(iou > 0, best, -1))
    return _OfClass(rows, kinds, nearest, np.where(nearest >= 0, mine[np.arange(len(rows)), nearest], 0))
