"""Are the coordinates of a dataset fractions of the image, or pixels? All records together tell, or nobody does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from dali_ssd.config import AnyCoordinates, RecordsConfig
from dali_ssd.errors import DatasetError, RecordLocation
from dali_ssd.records.lint.content import FRACTION_LIMIT, Scale
from dali_ssd.util.words import counted

__all__ = ["Coordinates", "Scales", "guess_coordinates", "resolve_coordinates"]

Coordinates = Literal["fraction", "pixel"]
Scales = Sequence[tuple[RecordLocation, Scale]]
"""What each record's coordinates look like."""

_CLEAR = 0.9
"""Share of the records that have to look alike for the rest to be taken as faulty."""


def _split(scales: Scales) -> tuple[list[RecordLocation], list[RecordLocation]]:
    return [p for p, scale in scales if scale == "fraction"], [p for p, scale in scales if scale in ("pixel", "mixed")]


def guess_coordinates(scales: Scales) -> Coordinates | None:
    """What nine out of ten records look like; None if neither. Without any box: fractions."""
    fractions, pixels = _split(scales)
    total = len(fractions) + len(pixels)
    if len(fractions) >= _CLEAR * total:
        return "fraction"
    return "pixel" if len(pixels) >= _CLEAR * total else None


def resolve_coordinates(scales: Scales, wanted: AnyCoordinates = RecordsConfig.coordinates) -> Coordinates:
    """What the coordinates are to be taken for. Raises `DatasetError` if `auto` would have to guess blindly."""
    if wanted != "auto":
        return wanted
    guess = guess_coordinates(scales)
    if guess is None:
        fractions, pixels = _split(scales)
        raise DatasetError(
            f"cannot tell whether the labels have fractions or pixels: {counted(len(pixels), 'record')} with "
            f"coordinates above {FRACTION_LIMIT:g} ({pixels[0]}), {len(fractions)} with none ({fractions[0]}); say "
            "coordinates='fraction' or 'pixel' if one is meant, or correct the labels (`dali-ssd check` lists them)"
        )
    return guess
