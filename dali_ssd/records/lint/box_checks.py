"""The checks of boxes, each beside the kind of finding that it makes.

A check is a function of boxes (n, 4) float32, xmin, ymin, xmax, ymax, and of the image's width and height (2,) float32
in the boxes' unit: (1, 1) for fractions; None for pixels if the image cannot be read. It returns (n,) bool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dali_ssd.records.lint.kinds import WITHOUT_OBJECTS, Kind

__all__ = ["BOX_CHECKS", "CHECKS_INSIDE", "OVERHANG", "BoxCheck", "box_faults", "is_useless"]

OVERHANG = 1e-3
"""Part of the image's side by which a box may reach beyond it without a finding: more is not rounding."""

_Boxes = NDArray[np.float32]
_Size = NDArray[np.float32]
_Mask = NDArray[np.bool_]


class BoxCheck(NamedTuple):
    """A kind of finding, and the check that finds it."""

    kind: Kind
    find: Callable[[_Boxes, _Size | None], _Mask]
    inside: bool = False
    """Whether it can find a box that has an area and lies within the image. Nearly all boxes do, and other checks skip
    them."""


def _inverted(boxes: _Boxes, size: _Size | None) -> _Mask:
    found: _Mask = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    return found


def _without_area(boxes: _Boxes, size: _Size | None) -> _Mask:
    found: _Mask = (boxes[:, 2:] == boxes[:, :2]).any(axis=1)
    return found


def _outside(boxes: _Boxes, size: _Size | None) -> _Mask:
    if size is None:
        return np.zeros(len(boxes), bool)
    found: _Mask = ((boxes[:, :2] >= size) | (boxes[:, 2:] <= 0)).any(axis=1)
    return found


def _overhanging(boxes: _Boxes, size: _Size | None) -> _Mask:
    if size is None:
        return np.zeros(len(boxes), bool)
    slack = OVERHANG * size
    found: _Mask = ((boxes[:, :2] < -slack) | (boxes[:, 2:] > size + slack)).any(axis=1)
    return found


BOX_CHECKS: dict[str, BoxCheck] = {
    "inverted-box": BoxCheck(
        Kind(
            "error",
            "boxes with left and right, or top and bottom, exchanged",
            WITHOUT_OBJECTS,
            repair="drop object",
        ),
        _inverted,
    ),
    "zero-area-box": BoxCheck(
        Kind("warning", "boxes without area", WITHOUT_OBJECTS, repair="drop object"), _without_area
    ),
    "outside-box": BoxCheck(
        Kind("warning", "boxes that lie outside the image", WITHOUT_OBJECTS, repair="drop object"), _outside
    ),
    "overhanging-box": BoxCheck(
        Kind(
            "warning",
            "boxes that reach beyond the image",
            "`dali-ssd check --fix OUT` clips them",
            repair="clip box",
        ),
        _overhanging,
    ),
}
"""Every check of boxes by its kind's name. Only the first of these faults is reported per box."""

CHECKS_INSIDE = {name: check for name, check in BOX_CHECKS.items() if check.inside}
"""The checks that can find boxes within the image."""


def box_faults(
    boxes: _Boxes, usable: _Mask, size: _Size | None, checks: Mapping[str, BoxCheck] = BOX_CHECKS
) -> list[tuple[str, _Mask]]:
    """Return the kind's name of each check, and (n,) bool: which of the `usable` boxes (n, 4) it finds."""
    rest, found = usable.copy(), []
    for name, check in checks.items():
        bad = rest & check.find(boxes, size)
        rest &= ~bad
        found.append((name, bad))
    return found


def is_useless(boxes: _Boxes, size: _Size) -> _Mask:
    """Return (n,) bool: boxes (n, 4) with a fault that a repair drops the object for."""
    useless = np.zeros(len(boxes), bool)
    for name, bad in box_faults(boxes, ~useless, size):
        if BOX_CHECKS[name].kind.repair == "drop object":
            useless |= bad
    return useless
