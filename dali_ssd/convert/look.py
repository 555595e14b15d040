"""Checks of an image before it is written, as `dali-ssd check` makes of its head."""

from __future__ import annotations

from dali_ssd.convert.sample import Note, Sample
from dali_ssd.records.format.image_header import FORMATS, MAX_PIXELS, Raster, read_raster

__all__ = ["BAD_IMAGES", "look"]

BAD_IMAGES = (
    "missing-image", "unreadable-image", "not-an-image", "format", "turned-tiff", "huge-image", "cut-image",
    "stray-bytes", "size-differs",
)  # fmt: skip
"""Kinds of notes on images that are unusable, or left out, kept or raised by `--on-bad`."""


def look(sample: Sample, data: bytes) -> tuple[Raster | None, list[Note]]:
    """Return the raster of an image, None if it is unusable, and notes on its faults."""
    raster, where = read_raster(data), str(sample.image)
    if raster is None:
        return None, [Note("not-an-image", where, f"annotated by {sample.source}")]
    if raster.format not in FORMATS:
        return None, [Note("format", where, f"{raster.format}, annotated by {sample.source}")]
    if raster.turned_tiff:
        return None, [Note("turned-tiff", where, "save it upright, or as JPEG or PNG")]
    notes = []
    if raster.width * raster.height > MAX_PIXELS:
        notes.append(Note("huge-image", where, f"{raster.width}x{raster.height}"))
    if raster.fault is not None:
        notes.append(Note("cut-image", where, raster.fault))
    elif raster.refused is not None:
        notes.append(Note("cut-image", where, raster.refused))
    elif raster.stray:
        notes.append(Note("stray-bytes", where, f"stray bytes between its segments: {raster.stray}"))
    return raster, notes
