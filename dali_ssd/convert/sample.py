"""One annotated image on its way from an annotation file to a record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Note", "Sample", "plausible_size"]


class Note(NamedTuple):
    """Something that a converter changed, assumed or left out."""

    kind: str
    """A key of `report.KINDS`."""
    where: str
    """File, and object number where it is about one object."""
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Sample:
    """An image and its objects, as the annotation has them."""

    image: Path
    source: str
    """The annotation, as messages name it."""
    declared: tuple[int, int] | None
    """Width and height in pixels that the annotation gives for the image, None where it gives none."""
    boxes: NDArray[np.float64]
    """(n, 4) float64: xmin, ymin, xmax, ymax in pixels from 0."""
    names: tuple[str, ...]
    """(n,) class names."""
    difficult: tuple[bool, ...] | None
    """(n,) whether an object is difficult (or a crowd); None where the annotations do not tell."""
    notes: tuple[Note, ...] = ()
    """What was found while reading the annotation."""
    places: tuple[str, ...] = ()
    """(n,) what finds each object in the annotation, such as `object 2`: those left out are counted as well."""
    first: int = 0
    """Number of the first pixel in the annotation, which was taken off the boxes."""
    with_sides: NDArray[np.float64] | None = None
    """(n, 4) float64: x, y, width, height, where the annotation has these; None: it has the corners."""

    def corners(self, i: int) -> NDArray[np.float64]:
        """Corners (4,) float64 of an object's box, counted as the annotation does."""
        corners: NDArray[np.float64] = self.boxes[i] + self.first
        return corners

    def numbers_of(self, i: int) -> str:
        """The four numbers of an object's box as they stand in the annotation, to be searched for there."""
        if self.with_sides is None:
            return f"({_listed(self.corners(i))})"
        return f"bbox [{_listed(self.with_sides[i])}]"


def plausible_size(width: float, height: float) -> tuple[int, int] | None:
    """The size that an annotation gives, or None where it cannot be one: some tools write 0 if they do not know."""
    return (int(width), int(height)) if 0 < width < 1e6 and 0 < height < 1e6 else None


def _listed(numbers: NDArray[np.float64]) -> str:
    return ", ".join(f"{number:.12g}" for number in numbers)
