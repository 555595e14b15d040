"""Numbers as the report, the page and the table write them."""

from __future__ import annotations

import math

from dali_ssd.inspection.report import Spread

__all__ = ["percent", "ratio_in_words", "short", "size_in_words", "spread_in_words"]


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
