from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.errors import DatasetError, RecordLocation
from dali_ssd.records.lint.content import LabelUnit
from dali_ssd.records.lint.coordinate_unit import LabelUnits, guess_unit, resolve_unit


def units(fractions: int, pixels: int, none: int = 0) -> LabelUnits:
    counts: list[tuple[LabelUnit, int]] = [("fraction", fractions), ("pixel", pixels), ("none", none)]
    kinds = [unit for unit, count in counts for _ in range(count)]
    return [(RecordLocation(Path("a.rec"), i, 100 * i), kind) for i, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("fractions", "pixels", "expected"),
    [(0, 0, "fraction"), (5, 0, "fraction"), (0, 5, "pixel"), (9, 1, "fraction"), (1, 9, "pixel"), (8, 2, None)],
)
def test_coordinates_are_guessed_only_when_clear(fractions: int, pixels: int, expected: str | None) -> None:
    some = units(fractions, pixels, 3)
    assert guess_unit(some) == expected
    assert resolve_unit(some, "pixel") == "pixel"
    if expected is None:
        with pytest.raises(DatasetError, match=r"2 records with coordinates above 2 .*8 with none"):
            resolve_unit(some)
    else:
        assert resolve_unit(some) == expected
