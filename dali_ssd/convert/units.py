"""Detection of boxes in fractions of the image although `--coordinates` is pixel, and the reverse.

A useful box in pixels is never smaller than a pixel. Being within 0..1 is no criterion: fractions may exceed the image
slightly, or more if the object does. Some boxes could be either: 0, 0, 1, 1 is a pixel, or the whole image; the other
boxes of the set decide.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import CoordinateUnit
from dali_ssd.convert.sample import Sample
from dali_ssd.records.format.labels import FRACTION_LIMIT

__all__ = ["WRONG_UNITS", "has_fractions", "wrong_unit"]

WRONG_UNITS = ("fraction-box", "pixel-box")
"""Kinds of notes on boxes in another unit than `--coordinates`; further boxes are likely to have the same fault."""

_ROUNDING = 1e-9
"""Square pixels: rounding of corners that are sums of decimals makes a box of one pixel smaller by less than this."""


def has_fractions(samples: Sequence[Sample]) -> bool:
    """Return whether boxes that could be either are fractions: some boxes surely are, or none is surely in pixels."""
    boxes = np.concatenate([np.zeros((0, 4)), *(sample.boxes + sample.first for sample in samples)])
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    near = boxes[_near_zero(boxes)]
    return len(near) == len(boxes) or bool(_is_small(near).any())


def wrong_unit(box: NDArray[np.float64], coordinates: CoordinateUnit, fractions: bool) -> str | None:
    """Return the kind of note for a box (4,), as annotated, in another unit than `coordinates`, or None.

    `fractions`: whether a box that could be either is taken as fractions.
    """
    near = _near_zero(box)
    if coordinates == "fraction":
        return "pixel-box" if not near and np.isfinite(box).all() else None
    if not near or not (box[2:] > box[:2]).all():
        return None
    return "fraction-box" if fractions or _is_small(box) else None


def _near_zero(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (...) bool: boxes (..., 4) without NaN and without a number that must be pixels."""
    near: NDArray[np.bool_] = (np.abs(boxes) <= FRACTION_LIMIT).all(axis=-1)
    return near


def _is_small(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (...) bool: boxes (..., 4) with an area greater than 0 and less than a pixel."""
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    small: NDArray[np.bool_] = (width > 0) & (height > 0) & (width * height < 1 - _ROUNDING)
    return small
