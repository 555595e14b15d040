"""Sample to record: boxes from pixels to fractions of the raw raster, clipped; the image's bytes unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import CoordinateUnit
from dali_ssd.convert.look import BAD_IMAGES, look
from dali_ssd.convert.options import ExifRaster, OnBad
from dali_ssd.convert.raster import turn_to_raw
from dali_ssd.convert.sample import Note, Sample
from dali_ssd.convert.sizes import size_note
from dali_ssd.convert.units import wrong_unit
from dali_ssd.records.format.image_header import Raster
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack

__all__ = ["Builder", "Built"]

_DONE = {"skip": "; left out", "keep": "; kept", "raise": ""}
"""The end of a note on a bad image, by `OnBad`."""

_OVERHANG = 1e-3
"""Pixels beyond the border up to which it is rounding, and not noted."""


class Built(NamedTuple):
    """The result for a sample."""

    record: bytes | None
    """None if the image is left out."""
    objects: int
    notes: list[Note]


@dataclass(frozen=True)
class Builder:
    """Callable that turns samples into records; picklable, so that worker processes can do it."""

    classes: tuple[str, ...]
    exif: ExifRaster = "auto"
    drop_empty: bool = False
    coordinates: CoordinateUnit = "pixel"
    on_bad: OnBad = "skip"
    fractions: bool = False
    """Whether boxes that could be in either unit are fractions; `has_fractions` decides it for all samples."""

    def __call__(self, sample: Sample) -> Built:
        """Return the record of a sample, or None with a note on why the image is left out."""
        data, notes = _read_image(sample)
        if not data:
            return Built(None, 0, [*sample.notes, *notes])
        raster, bad = look(sample, data)
        if raster is None:
            return Built(None, 0, [*sample.notes, *bad])
        upright, notes = _raster_of(sample, raster, self.exif)
        size = self._size_note(sample, raster, upright)
        if size is not None:
            (bad if size.kind in BAD_IMAGES else notes).append(size)
        bad = [note._replace(detail=note.detail + _DONE[self.on_bad]) for note in bad]
        if bad and self.on_bad != "keep":
            return Built(None, 0, [*sample.notes, *bad])
        built = self._build(sample, data, raster, upright)
        return built._replace(notes=[*sample.notes, *bad, *notes, *built.notes])

    def _size_note(self, sample: Sample, raster: Raster, upright: bool) -> Note | None:
        """Return a note if the size differs; with --exif raw or upright it may be that of either raster."""
        sizes = [(raster.width, raster.height), raster.upright_size]
        if upright:
            sizes.reverse()
        return size_note(sample, sizes[:1] if self.exif == "auto" else sizes, self.coordinates)

    def _build(self, sample: Sample, data: bytes, raster: Raster, upright: bool) -> Built:
        size = raster.upright_size if upright else (raster.width, raster.height)
        annotated = sample.boxes * np.array([*size, *size]) if self.coordinates == "fraction" else sample.boxes
        pixels = turn_to_raw(annotated, raster) if upright else annotated
        boxes, kept, notes = self._boxes(sample, pixels, raster)
        if not len(kept):
            notes.append(Note("empty-left-out" if self.drop_empty else "empty", str(sample.image)))
            if self.drop_empty:
                return Built(None, 0, notes)
        ids = [self.classes.index(sample.names[i]) for i in kept]
        difficult = None if sample.difficult is None else [sample.difficult[i] for i in kept]
        return Built(pack(Header(build_label(boxes, ids, difficult)), data), len(kept), notes)

    def _boxes(
        self, sample: Sample, pixels: NDArray[np.float64], raster: Raster
    ) -> tuple[NDArray[np.float32], list[int], list[Note]]:
        """Return boxes (n, 4) as fractions, the numbers of their objects, and notes on the rest."""
        size = np.array([raster.width, raster.height] * 2, np.float64)
        fractions = np.clip(pixels / size, 0, 1).astype(np.float32)
        overhang = np.maximum(-pixels, pixels - size)
        kept, notes = [], []
        for i, name in enumerate(sample.names):
            where = f"{sample.source}, {sample.places[i]}"
            fault = None if name in self.classes else "unknown-class"
            fault = fault or wrong_unit(sample.corners(i), self.coordinates, self.fractions)
            fault = fault or _fault(pixels[i], fractions[i])
            if fault is not None:
                detail = name if fault == "unknown-class" else f"{name} {sample.numbers_of(i)}"
                notes.append(Note(fault, where, detail))
                continue
            kept.append(i)
            if self.coordinates == "fraction":
                notes.append(Note("fractions", where))
            if overhang[i].max() > _OVERHANG:
                notes.append(Note("clipped", where, f"{name} {sample.numbers_of(i)}, by {overhang[i].max():g} px"))
        return fractions[kept], kept, notes


def _read_image(sample: Sample) -> tuple[bytes, list[Note]]:
    """Return the bytes of the image file; empty bytes with a note if it cannot be used."""
    try:
        data = sample.image.read_bytes()
    except FileNotFoundError:
        return b"", [Note("missing-image", str(sample.image), f"annotated by {sample.source}")]
    except OSError as error:
        return b"", [Note("unreadable-image", str(sample.image), error.strerror or "")]
    return data, [] if data else [Note("not-an-image", str(sample.image), "the file is empty")]


def _raster_of(sample: Sample, raster: Raster, exif: ExifRaster) -> tuple[bool, list[Note]]:
    """Return whether the annotation refers to the upright raster, with notes on the assumption."""
    if raster.orientation == 1:
        return False, []
    text = f"orientation {raster.orientation}, {raster.width}x{raster.height} raw"
    where = str(sample.image)
    if exif != "auto":
        return exif == "upright", [Note("exif-forced", where, f"{text}, {exif}")]
    if raster.quarter_turn and raster.width != raster.height:
        if sample.declared == raster.upright_size:
            return True, [Note("exif-upright", where, text)]
        if sample.declared == (raster.width, raster.height):
            return False, [Note("exif-raw", where, text)]
    return False, [Note("exif-assumed-raw", where, text)]


def _fault(box: NDArray[np.float64], clipped: NDArray[np.float32]) -> str | None:
    """Return the kind of note for an unusable box (4,) in pixels, or None; `clipped` is what would be stored of it."""
    if not np.isfinite(box).all():
        return "not-finite"
    if box[2] < box[0] or box[3] < box[1]:
        return "inverted"
    if box[2] == box[0] or box[3] == box[1]:
        return "zero-area"
    return None if clipped[2] > clipped[0] and clipped[3] > clipped[1] else "outside"
