"""Repair of a label: remove invalid objects, clip boxes, convert coordinates in the wrong unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import CoordinateUnit
from dali_ssd.records.format.image_header import Raster
from dali_ssd.records.format.labels import (
    FRACTION_LIMIT,
    MAX_CLASS_ID,
    is_object,
    is_plausible,
    proper_ids,
    split_label,
)
from dali_ssd.records.lint.box_checks import OVERHANG, is_useless
from dali_ssd.records.lint.content import in_fractions, unit_of

__all__ = ["mend_label"]


def mend_label(
    label: NDArray[np.float32], raster: Raster, unit: CoordinateUnit, num_classes: int | None
) -> tuple[NDArray[np.float32], list[str]]:
    """Return the repaired label and a list of the changes; the same label if there are none.

    `unit`: the unit of the boxes returned. Extra columns and the label's header stay. Raises `RecordError` if the
    label's lengths are impossible.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity are among the faults
        return _mend(label, raster, unit, num_classes)


def _mend(
    label: NDArray[np.float32], raster: Raster, unit: CoordinateUnit, num_classes: int | None
) -> tuple[NDArray[np.float32], list[str]]:
    _, rows = split_label(label)
    start = len(label) - rows.size
    mended, changes = _convert(rows, raster, unit)
    real = is_object(rows)
    kept = ~real | _usable(mended, raster, unit, num_classes)
    clipped = _clip(mended, raster, unit)
    moved = kept & real & (np.abs(clipped - mended)[:, 1:5] > OVERHANG * _size(raster, unit)).any(axis=1)
    mended[moved] = clipped[moved]
    if unit == "pixel":
        kept &= ~real | ~_fractions_left(mended, kept)
    changes += [f"object {number} removed: {rows[number, :5].tolist()}" for number in np.flatnonzero(~kept)]
    changes += [f"object {number} clipped: {rows[number, :5].tolist()}" for number in np.flatnonzero(moved & kept)]
    if not changes:
        return label, []
    mended = mended[kept] if kept.any() else _no_object(rows.shape[1])
    return np.concatenate([label[:start], mended.reshape(-1)]), changes


def _size(raster: Raster, unit: CoordinateUnit) -> NDArray[np.float32]:
    """Return (4,) float32: the largest xmin, ymin, xmax, ymax inside the image."""
    return np.array((raster.width, raster.height) * 2 if unit == "pixel" else (1, 1, 1, 1), np.float32)


def _convert(rows: NDArray[np.float32], raster: Raster, unit: CoordinateUnit) -> tuple[NDArray[np.float32], list[str]]:
    """Return rows (n, B) with boxes in the wanted unit, and a list of the changes."""
    found, mended = unit_of(rows), rows.copy()
    if found in ("none", unit) or (found == "mixed" and unit == "pixel"):
        return mended, []
    factor = _size(raster, "pixel") if unit == "pixel" else 1 / _size(raster, "pixel")
    real = is_object(rows)
    if unit == "pixel" or all(unit_of(row[None]) == found for row in rows[real]):
        mended[:, 1:5] *= factor
        return mended, [f"{found} coordinates converted"]
    # A mixture. Only a box with two large numbers is certainly in pixels, and beside such a box no other is certainly
    # in fractions; a single -3 among fractions is neither. Boxes that could be either are removed.
    large = real & ((rows[:, 1:5] > FRACTION_LIMIT).sum(axis=1) > 1)
    unclear = real & ~large if large.any() else real & (np.abs(rows[:, 1:5]) > FRACTION_LIMIT).any(axis=1)
    mended[large, 1:5] *= factor
    mended[unclear, 1:5] = np.nan
    return mended, [f"object {number}: pixel coordinates converted" for number in np.flatnonzero(large)]


def _fractions_left(rows: NDArray[np.float32], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (n,) bool: objects of a label in pixels that still look like fractions, so that their unit is unknown."""
    found = unit_of(rows[kept])
    if found == "fraction":
        return kept
    return in_fractions(rows) if found == "mixed" else np.zeros(len(rows), bool)


def _clip(rows: NDArray[np.float32], raster: Raster, unit: CoordinateUnit) -> NDArray[np.float32]:
    clipped = rows.copy()
    clipped[:, 1:5] = np.clip(rows[:, 1:5], 0, _size(raster, unit))
    return clipped


def _usable(
    rows: NDArray[np.float32], raster: Raster, unit: CoordinateUnit, num_classes: int | None
) -> NDArray[np.bool_]:
    """Return (n,) bool: rows with a proper class id and a box for which no check drops the object."""
    ids = rows[:, 0]
    top = MAX_CLASS_ID if num_classes is None else num_classes - 1
    proper = proper_ids(ids) & (ids <= top) & is_plausible(rows)
    usable: NDArray[np.bool_] = proper & ~is_useless(rows[:, 1:5], _size(raster, unit)[:2])
    return usable


def _no_object(width: int) -> NDArray[np.float32]:
    row = np.zeros((1, width), np.float32)
    row[0, 0] = -1
    return row
