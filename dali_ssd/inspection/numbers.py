"""Many numbers in a few, and numbers as the report, the page and the table write them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Histogram",
    "Spread",
    "cost_in_words",
    "histogram",
    "percent",
    "ratio_in_words",
    "short",
    "size_in_words",
    "spread",
    "spread_in_words",
]


@dataclass(frozen=True)
class Spread:
    """Some numbers in five: NaN if there are none."""

    least: float
    low: float
    """5% are below."""
    median: float
    high: float
    """5% are above."""
    most: float


@dataclass(frozen=True)
class Histogram:
    """Counts of numbers in bins; the first and the last bin also have what is beyond."""

    edges: tuple[float, ...]
    """One more than counts."""
    counts: tuple[int, ...]


def spread(values: ArrayLike) -> Spread:
    """Return least, 5%, median, 95% and most of some numbers."""
    array = np.asarray(values, np.float64)
    return Spread(*(np.percentile(array, (0, 5, 50, 95, 100)).tolist() if array.size else [math.nan] * 5))


def histogram(values: ArrayLike, edges: ArrayLike) -> Histogram:
    """Count numbers in bins (ascending edges); what is beyond the ends counts in the first and last bin."""
    bins: NDArray[np.float64] = np.asarray(edges, np.float64)
    counts, _ = np.histogram(np.clip(np.asarray(values, np.float64), bins[0], bins[-1]), bins)
    return Histogram(tuple(bins.tolist()), tuple(counts.tolist()))


def percent(share: float) -> str:
    """Return a share of 0..1 in percent; a dash if it is not known."""
    return "-" if math.isnan(share) else f"{share:.1%}"


def short(value: float) -> str:
    """Return a number with three digits; a dash if it is not known."""
    return "-" if math.isnan(value) else f"{value:.3g}"


def ratio_in_words(ratio: float) -> str:
    """Return an aspect ratio: 2, or 1/3."""
    return f"{ratio:g}" if ratio >= 1 else f"1/{1 / ratio:g}"


def size_in_words(size: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit, one in (("GB", 1e9), ("MB", 1e6)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"


def cost_in_words(mean_ms: float, ms_per_megapixel: float) -> str:
    """Return the time that decoding takes, as far as it is known."""
    line = "" if math.isnan(ms_per_megapixel) else f", {ms_per_megapixel:.1f} ms per megapixel"
    return f"{mean_ms:.2f} ms per image{line}"


def spread_in_words(values: Spread, unit: float = 1) -> str:
    """Return numbers by their median, the range of most of them, and that of all, divided by `unit`."""
    if math.isnan(values.median):
        return "-"
    if values.least == values.most:
        return f"{_digits(values.least / unit)} in all of them"
    median, least, most, low, high = (
        _digits(value / unit) for value in (values.median, values.least, values.most, values.low, values.high)
    )
    return f"median {median}, {low} to {high} for 90% of them, {least} to {most} in all"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
