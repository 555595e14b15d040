"""The unit of a dataset's coordinates, fractions of the image or pixels, decided from all records together."""

from __future__ import annotations

from collections.abc import Sequence

from dali_ssd.config import AnyUnit, CoordinateUnit, RecordsConfig
from dali_ssd.errors import DatasetError, RecordLocation
from dali_ssd.records.format.labels import FRACTION_LIMIT
from dali_ssd.records.lint.content import LabelUnit
from dali_ssd.util.words import counted

__all__ = ["LabelUnits", "guess_unit", "resolve_unit"]

LabelUnits = Sequence[tuple[RecordLocation, LabelUnit]]
"""The unit that the coordinates of each record seem to have."""

_CLEAR = 0.9
"""Share of the records that must have the same unit for the rest to count as faulty."""


def guess_unit(units: LabelUnits) -> CoordinateUnit | None:
    """Return the unit of at least nine in ten records, None if neither has so many, fractions if there are no boxes."""
    fractions, pixels = _split(units)
    total = len(fractions) + len(pixels)
    if len(fractions) >= _CLEAR * total:
        return "fraction"
    return "pixel" if len(pixels) >= _CLEAR * total else None


def resolve_unit(units: LabelUnits, wanted: AnyUnit = RecordsConfig.coordinates) -> CoordinateUnit:
    """Return the unit to read coordinates in. Raises `DatasetError` if `wanted` is `auto` and the records disagree."""
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
