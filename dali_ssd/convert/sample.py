"""One annotated image, as read from an annotation file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Note", "Sample", "plausible_size"]


class Note(NamedTuple):
    """A note on what a converter changed, assumed or left out."""

    kind: str
    """A key of `report.KINDS`."""
    where: str
    """File, and object number if it is about one object."""
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Sample:
    """An image and its objects, as the annotation has them."""

    image: Path
    source: str
    """The annotation's name in messages."""
    declared: tuple[int, int] | None
    """Width and height in pixels that the annotation gives for the image, None if it gives none."""
    boxes: NDArray[np.float64]
    """(n, 4) float64: xmin, ymin, xmax, ymax in pixels from 0."""
    names: tuple[str, ...]
    """(n,) class names."""
    difficult: tuple[bool, ...] | None
    """(n,) whether an object is difficult (or a crowd); None if the annotations have no such mark."""
    notes: tuple[Note, ...] = ()
    """Notes from reading the annotation."""
    places: tuple[str, ...] = ()
    """(n,) place of each object in the annotation, such as `object 2`, counting those left out."""
    first: int = 0
    """Number of the first pixel in the annotation, which was subtracted from the boxes."""
    with_sides: NDArray[np.float64] | None = None
    """(n, 4) float64: x, y, width, height, if the annotation has these; None: it has corners."""

    def corners(self, i: int) -> NDArray[np.float64]:
        """Return the corners (4,) float64 of an object's box, counted as in the annotation."""
        corners: NDArray[np.float64] = self.boxes[i] + self.first
        return corners

    def numbers_of(self, i: int) -> str:
        """Return the four numbers of an object's box as written in the annotation, to search for there."""
        if self.with_sides is None:
            return f"({_listed(self.corners(i))})"
        return f"bbox [{_listed(self.with_sides[i])}]"


def plausible_size(width: float, height: float) -> tuple[int, int] | None:
    """Return the size that an annotation gives, or None if it is impossible: some tools write 0 for unknown."""
    return (int(width), int(height)) if 0 < width < 1e6 and 0 < height < 1e6 else None


def _listed(numbers: NDArray[np.float64]) -> str:
    return ", ".join(f"{number:.12g}" for number in numbers)
