"""Recall by size worked out by hand."""

from __future__ import annotations

import math

from dali_ssd.metrics.sizes import OfSize, recall_by_size
from dali_ssd.metrics.verdicts import find_verdicts
from tests.support.detected import detected

SMALL, EDGE, LARGE, HARD = (0, 0, 10, 10), (40, 40, 72, 72), (100, 0, 400, 300), (200, 200, 210, 210)


def test_objects_are_counted_by_their_side() -> None:
    found = [(SMALL, 0, 0.9), (LARGE, 0, 0.2)]
    image = detected(found, [(SMALL, 0), (EDGE, 0), (LARGE, 0), (HARD, 0)], [False, False, False, True])
    assert recall_by_size(find_verdicts([image]), 0.4) == [
        OfSize(0, 16, 1, 1, 1),
        OfSize(32, 64, 1, 0, 0),
        OfSize(256, math.inf, 1, 0, 1),
    ]


def test_without_objects_there_are_no_sizes() -> None:
    assert recall_by_size(find_verdicts([]), 0.4) == []
