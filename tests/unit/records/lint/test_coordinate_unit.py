from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.errors import DatasetError, Place
from dali_ssd.records.lint.coordinate_unit import guess_coordinates, resolve_coordinates


def scales(fractions: int, pixels: int, none: int = 0) -> list[tuple[Place, str]]:
    kinds = ["fraction"] * fractions + ["pixel"] * pixels + ["none"] * none
    return [(Place(Path("a.rec"), i, 100 * i), kind) for i, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("fractions", "pixels", "expected"),
    [(0, 0, "fraction"), (5, 0, "fraction"), (0, 5, "pixel"), (9, 1, "fraction"), (1, 9, "pixel"), (8, 2, None)],
)
def test_coordinates_are_guessed_only_when_clear(fractions: int, pixels: int, expected: str | None) -> None:
    some = scales(fractions, pixels, 3)
    assert guess_coordinates(some) == expected  # type: ignore[arg-type]
    assert resolve_coordinates(some, "pixel") == "pixel"  # type: ignore[arg-type]
    if expected is None:
        with pytest.raises(DatasetError, match=r"2 records with coordinates above 2 .*8 with none"):
            resolve_coordinates(some)  # type: ignore[arg-type]
    else:
        assert resolve_coordinates(some) == expected  # type: ignore[arg-type]
