"""Are the coordinates of a dataset fractions of the image, or pixels? All records together tell, or nobody does."""

from __future__ import annotations

from collections.abc import Sequence

from dali_ssd.config import AnyUnit, CoordinateUnit, RecordsConfig
from dali_ssd.errors import DatasetError, RecordLocation
from dali_ssd.records.lint.content import FRACTION_LIMIT, LabelUnit
from dali_ssd.util.words import counted

__all__ = ["LabelUnits", "guess_unit", "resolve_unit"]

LabelUnits = Sequence[tuple[RecordLocation, LabelUnit]]
"""What each record's coordinates look like."""

_CLEAR = 0.9
"""Share of the records that have to look alike for the rest to be taken as faulty."""


def guess_unit(units: LabelUnits) -> CoordinateUnit | None:
    """What nine out of ten records look like; None if neither. Without any box: fractions."""
    fractions, pixels = _split(units)
    total = len(fractions) + len(pixels)
    if len(fractions) >= _CLEAR * total:
        return "fraction"
    return "pixel" if len(pixels) >= _CLEAR * total else None


def resolve_unit(units: LabelUnits, wanted: AnyUnit = RecordsConfig.coordinates) -> CoordinateUnit:
    """What the coordinates are to be taken for. Raises `DatasetError` if `auto` would have to guess blindly."""
    if wanted != "auto":
        return wanted
    guess = guess_unit(units)
    if guess is None:
        fractions, pixels = _split(units)
        raise DatasetError(
            f"cannot tell whether the labels have fractions or pixels: {counted(len(pixels), 'record')} with "
            f"coordinates above {FRACTION_LIMIT:g} ({pixels[0]}), {len(fractions)} with none ({fractions[0]}); say "
            "coordinates='fraction' or 'pixel' if one is meant, or correct the labels (`dali-ssd check` lists them)"
        )
    return guess


def _split(units: LabelUnits) -> tuple[list[RecordLocation], list[RecordLocation]]:
    return [p for p, unit in units if unit == "fraction"], [p for p, unit in units if unit in ("pixel", "mixed")]
