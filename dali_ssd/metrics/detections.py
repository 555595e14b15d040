"""Detections to score: the objects that a network finds in an image, and the true ones."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SURE", "Detections", "detections_from_bytes", "detections_to_bytes"]

SURE = 0.4
"""Lowest score of a detection that is shown and counted as said, by default; average precision weighs all of them."""


@dataclass(frozen=True)
class Detections:
    """The objects that a network finds in one image, the best first, and the true ones."""

    boxes: NDArray[np.float32]
    """(n, 4) xmin ymin xmax ymax, network pixels."""
    class_ids: NDArray[np.int32]
    """(n,)"""
    scores: NDArray[np.float32]
    """(n,), 0..1."""
    true_boxes: NDArray[np.float32]
    """(m, 4)"""
    true_ids: NDArray[np.int32]
    """(m,)"""
    difficult: NDArray[np.bool_]
    """(m,)"""


def detections_to_bytes(images: Sequence[Detections]) -> bytes:
    """Return the detections of images as bytes, exactly and without pickle."""
    content = io.BytesIO()
    save: Any = np.savez  # its keywords have another type in some releases
    save(content, **_columns(images))
    return content.getvalue()


def detections_from_bytes(content: bytes) -> list[Detections]:
    """Return what `detections_to_bytes` was given."""
    with np.load(io.BytesIO(content), allow_pickle=False) as columns:
        parts = {
            name: np.split(columns[name], np.cumsum(columns["found" if name in _FOUND else "true"])[:-1])
            for name in _NAMES
        }
        count = len(columns["found"])
    return [Detections(**{name: parts[name][number] for name in _NAMES}) for number in range(count)]


_NAMES = tuple(field.name for field in fields(Detections))
_FOUND = ("boxes", "class_ids", "scores")
"""The fields with a row per detection; the others have one per true object."""


def _columns(images: Sequence[Detections]) -> dict[str, NDArray[np.generic]]:
    counts = {
        "found": np.array([len(image.boxes) for image in images], np.int64),
        "true": np.array([len(image.true_boxes) for image in images], np.int64),
    }
    none = Detections(
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int32),
        np.zeros(0, np.float32),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int32),
        np.zeros(0, bool),
    )
    return counts | {name: np.concatenate([getattr(image, name) for image in (none, *images)]) for name in _NAMES}
