"""Which objects are found, by their size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dali_ssd.metrics.verdicts import Verdicts

__all__ = ["OfSize", "recall_by_size"]

_EDGES = (0.0, 16.0, 32.0, 64.0, 128.0, 256.0, float("inf"))
"""Of the side, network pixels."""


class OfSize(NamedTuple):
    """The objects of a size, without difficult ones."""

    low: float
    """Their side, the square root of the area, is at least this many network pixels."""
    high: float
    """And less than this."""
    objects: int
    found: int
    """By a detection from the smallest score on."""
    at_all: int
    """By a detection of any score."""


def recall_by_size(verdicts: Verdicts, min_score: float) -> list[OfSize]:
    """Count objects and those that are found, by size; sizes without objects are left out."""
    counting = ~verdicts.difficult
    side, found_at = verdicts.side[counting], verdicts.found_at[counting]
    bins = np.searchsorted(_EDGES, side, side="right") - 1
    sizes = []
    for number in np.unique(bins):
        scores = found_at[bins == number]
        found, at_all = int((scores >= min_score).sum()), int((scores >= 0).sum())
        sizes.append(OfSize(_EDGES[number], _EDGES[number + 1], len(scores), found, at_all))
    return sizes
