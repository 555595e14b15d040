"""Comparison of an image's size in its annotation and in its file.

Boxes in pixels refer to one of the two. If these differ, it is unknown to which: some tools annotate large images
that are shrunk afterwards, others write the size of another image. A difference of one pixel is rounding and does not
matter. Fractions are the same in both, so for them only the aspect ratio must agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from dali_ssd.config import CoordinateUnit
from dali_ssd.convert.sample import Note, Sample

__all__ = ["size_note"]

Size = tuple[int, int]


def size_note(sample: Sample, sizes: Sequence[Size], coordinates: CoordinateUnit) -> Note | None:
    """Return a note if the annotation's size is none of `sizes`, those accepted for the file."""
    if sample.declared is None or sample.declared in sizes:
        return None
    kind = "size-differs"
    if coordinates == "fraction":
        if any(_same_shape(sample.declared, size) for size in sizes):
            return None
    elif any(_near(sample.declared, size) for size in sizes):
        kind = "size-rounded"
    detail = f"{_text(sample.declared)} in {sample.source}, {_text(sizes[0])} in the file"
    return Note(kind, str(sample.image), detail)


def _near(one: Size, other: Size) -> bool:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1])) <= 1


def _same_shape(one: Size, other: Size) -> bool:
    """Return whether both sizes have the same aspect ratio, to a pixel after scaling to the same longer side."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= max(one)


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
