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
    numbers: tuple[int, ...] | None = None
    """(n,) place of each object in its annotation, from 0; None: none was left out."""
    first: int = 0
    """Number of the first pixel in the annotation, which was taken off the boxes."""


def plausible_size(width: float, height: float) -> tuple[int, int] | None:
    """The size that an annotation gives, or None where it cannot be one: some tools write 0 if they do not know."""
    return (int(width), int(height)) if 0 < width < 1e6 and 0 < height < 1e6 else None
