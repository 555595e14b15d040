"""Label vectors: the numbers in a record's header that describe the objects in the image.

    label = A, B, header (A - 2 numbers), object, object, ...       A: where the objects begin; B: numbers per object
    object = class id, xmin, ymin, xmax, ymax, [difficult, [extra ...]]

Coordinates are fractions of the image's width and height. `[2, 5]` and rows whose class id is -1 mean "no object here".
A single number is not a label vector: im2rec writes it for classification, without `--pack-label`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dali_ssd.errors import RecordError, RecordLocation

__all__ = [
    "FRACTION_LIMIT",
    "MAX_CLASS_ID",
    "MAX_COORDINATE",
    "MAX_HEADER",
    "MAX_WIDTH",
    "Objects",
    "build_label",
    "is_object",
    "is_plausible",
    "parse_label",
    "proper_ids",
    "split_label",
]

FRACTION_LIMIT = 2.0
"""Coordinates up to this may be fractions that reach beyond the image; larger ones are pixels."""
MAX_HEADER = 1024
"""Longest label header that is accepted; anything longer is damage."""
MAX_WIDTH = 256
"""Widest object that is accepted."""
MAX_CLASS_ID = 2**24
"""Float32 holds whole numbers exactly up to here."""
MAX_COORDINATE = 2.0**24
"""Largest coordinate that is accepted: no image is so wide, and a larger one overflows once it is scaled."""


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of one image, in the label's order, without the rows that hold none."""

    boxes: NDArray[np.float32]
    """(n, 4) float32: xmin, ymin, xmax, ymax as stored, normally fractions of the image."""
    class_ids: NDArray[np.int32]
    """(n,) int32, from 0."""
    difficult: NDArray[np.bool_]
    """(n,) bool: not counted when scoring; False if the label has no such column."""
    extra: NDArray[np.float32]
    """(n, max(B - 6, 0)) float32: the columns after `difficult`."""
    header: NDArray[np.float32]
    """(A - 2,) float32: the label's own header beyond its two lengths."""

    def __len__(self) -> int:
        return len(self.class_ids)


def split_label(
    label: NDArray[np.float32], place: RecordLocation | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the header (A - 2,) and object rows (n, B) of a label, float32, without checking their numbers.

    Raises `RecordError` if the label is a single number or its lengths are impossible.
    """
    place = place or RecordLocation()
    label = np.asarray(label, np.float32).reshape(-1)
    if label.size == 1:
        single = f"{label[0]:g}: packed without --pack-label, or made for classification"
        raise RecordError(f"the label is the single number {single}", place)
    if label.size == 0:
        raise RecordError("the label is empty; it needs at least a header length and an object width", place)
    start = _length(label, 0, "header length", 2, MAX_HEADER, place)
    width = _length(label, 1, "object width", 5, MAX_WIDTH, place)
    body = label.size - start
    if body < 0 or body % width:
        problem = f"a label of {label.size} numbers cannot hold a header of {start} and whole objects of {width}"
        raise RecordError(problem, place)
    return label[2:start], label[start:].reshape(-1, width)


def is_object(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (n,) bool: label rows (n, B) that hold an object, good or bad: all but those with the class id -1."""
    real: NDArray[np.bool_] = rows[:, 0] != -1
    return real


def proper_ids(ids: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (n,) bool: class ids (n,) that are whole and in range."""
    proper: NDArray[np.bool_] = (ids == np.floor(ids)) & (ids >= 0) & (ids <= MAX_CLASS_ID)
    return proper


def is_plausible(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (n,) bool: label rows (n, B) with a finite class id and difficult mark, and plausible coordinates.

    Extra columns may hold anything: they are not read.
    """
    finite = np.isfinite(rows[:, 0]) & np.isfinite(rows[:, 5:6]).all(axis=1)
    with np.errstate(invalid="ignore"):  # NaN compares false
        good: NDArray[np.bool_] = finite & (np.abs(rows[:, 1:5]) <= MAX_COORDINATE).all(axis=1)
    return good


def parse_label(label: NDArray[np.float32], place: RecordLocation | None = None) -> Objects:
    """Return the objects of a label. Raises `RecordError` on impossible lengths, NaN, and class ids that are not whole.

    Coordinates only have to be plausible: those outside 0..1 or inverted are returned as stored.
    """
    header, rows = split_label(label, place)
    numbers = np.flatnonzero(is_object(rows))
    rows = rows[numbers]
    _check_rows(rows, numbers, place or RecordLocation())
    difficult = rows[:, 5] != 0 if rows.shape[1] > 5 else np.zeros(len(rows), bool)
    return Objects(rows[:, 1:5].copy(), rows[:, 0].astype(np.int32), difficult, rows[:, 6:].copy(), header.copy())


def build_label(
    boxes: ArrayLike,
    class_ids: ArrayLike,
    difficult: ArrayLike | None = None,
    extra: ArrayLike | None = None,
    header: ArrayLike = (),
) -> NDArray[np.float32]:
    """Return the label (float32) of n objects: boxes (n, 4) fractions, class ids (n,), difficult (n,), extra (n, k).

    Objects are 5 wide, 6 with `difficult`, 6 + k with `extra`. No objects become one row with class id -1, which
    GluonCV's `RecordFileDetection` can read, unlike the shorter `[2, 5]`.
    """
    ids = np.asarray(class_ids, np.float32).reshape(-1, 1)
    columns = [ids, np.asarray(boxes, np.float32).reshape(-1, 4)]
    if difficult is not None or extra is not None:
        marks = np.zeros_like(ids) if difficult is None else np.asarray(difficult, np.float32).reshape(-1, 1)
        columns.append(marks)
    if extra is not None:
        columns.append(np.asarray(extra, np.float32).reshape(len(ids), -1))
    rows = np.hstack(columns)
    if not len(rows):
        rows = np.zeros((1, rows.shape[1]), np.float32)
        rows[0, 0] = -1
    head = np.asarray(header, np.float32).reshape(-1)
    return np.concatenate([np.array([2 + head.size, rows.shape[1]], np.float32), head, rows.reshape(-1)])


def _length(label: NDArray[np.float32], position: int, name: str, low: int, high: int, place: RecordLocation) -> int:
    value = float(label[position])
    if not (low <= value <= high and value == int(value)):
        raise RecordError(f"label word {position} ({name}) is {value:g}; it must be whole and {low} to {high}", place)
    return int(value)


def _check_rows(rows: NDArray[np.float32], numbers: NDArray[Any], place: RecordLocation) -> None:
    ids = rows[:, 0]
    for bad, what in (
        (~is_plausible(rows), "has a NaN, infinite or absurd number"),
        (~proper_ids(ids), "has a class id that is not a whole number in range"),
    ):
        if bad.any():
            first = int(np.argmax(bad))
            where = RecordLocation(place.shard, place.key, place.offset, int(numbers[first]))
            raise RecordError(f"the object {what}: {rows[first, :6].tolist()}", where)
