"""Boxes that look like fractions of the image where `--coordinates` says pixels, and the reverse.

No box of use is smaller than a pixel, but the border is no sign: fractions hang over it by a hair, and more where an
object does. Some boxes could be either: 0, 0, 1, 1 is a pixel, or the whole image. The others of the set tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import CoordinateUnit
from dali_ssd.convert.sample import Sample
from dali_ssd.records.lint.content import FRACTION_LIMIT

__all__ = ["WRONG_UNITS", "has_fractions", "wrong_unit"]

WRONG_UNITS = ("fraction-box", "pixel-box")
"""Kinds of notes on boxes that count something else than `--coordinates` says, where others are likely to do so too."""

_ROUNDING = 1e-9
"""Square pixels: corners that are sums of decimal numbers make a box of one pixel smaller by less than this."""


def has_fractions(samples: Sequence[Sample]) -> bool:
    """Whether boxes that could be either are fractions: some of the set surely are, or none surely counts pixels."""
    boxes = np.concatenate([np.zeros((0, 4)), *(sample.boxes + sample.first for sample in samples)])
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    near = boxes[_near_zero(boxes)]
    return len(near) == len(boxes) or bool(_is_small(near).any())


def wrong_unit(box: NDArray[np.float64], coordinates: CoordinateUnit, fractions: bool) -> str | None:
    """Kind of note for a box (4,), as the annotation has it, whose numbers count something else than `coordinates`.

    `fractions`: what a box is that could be either.
    """
    near = _near_zero(box)
    if coordinates == "fraction":
        return "pixel-box" if not near and np.isfinite(box).all() else None
    if not near or not (box[2:] > box[:2]).all():
        return None
    return "fraction-box" if fractions or _is_small(box) else None


def _near_zero(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(...) bool: which of boxes (..., 4) have no number that must be in pixels, nor NaN."""
    near: NDArray[np.bool_] = (np.abs(boxes) <= FRACTION_LIMIT).all(axis=-1)
    return near


def _is_small(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(...) bool: which of boxes (..., 4) have an area, of less than a pixel."""
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    small: NDArray[np.bool_] = (width > 0) & (height > 0) & (width * height < 1 - _ROUNDING)
    return small
