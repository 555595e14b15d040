"""The table of `dali-ssd eval`."""

from __future__ import annotations

import math

from dali_ssd.cli.eval import _table
from dali_ssd.metrics.scores import Scores, Truth

TRUTH = Truth((4, 0, 2), (0, 0, 2))


def table(truth: Truth = TRUTH) -> list[str]:
    coco = {"AP": 0.25, "AP small": math.nan}
    return _table(Scores(1, ("a", "b", "c"), (0.5, math.nan, math.nan), 0.5, {"COCO": coco}, truth)).splitlines()


def test_what_has_no_number_has_a_reason() -> None:
    assert table() == [
        "1 image",
        "",
        "class        AP@0.5",
        "a             0.500",
        "b                 -  no objects",
        "c                 -  difficult objects only: 2",
        "mAP (VOC07)   0.500",
        "",
        "COCO         value",
        "AP            0.250",
        "AP small          -  no objects of that size",
    ]


def test_doubtful_objects_are_told() -> None:
    lines = table(Truth((4, 0, 2), (0, 0, 2), outside=1, flat=3))
    assert lines == [
        *table(),
        "",
        "1 object outside of the image: never matched, which lowers the scores",
        "3 objects without area: passed over, as in training",
        "`dali-ssd check` tells more about such labels",
    ]
