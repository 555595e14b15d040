"""Detections in four images of which every number is worked out by hand; no two numbers of a kind are equal.

Of class a, 5 objects count and one is difficult; of class b, 2. At a score of 0.4:

| class | right | badly placed | another class | duplicate | background | missed |
|---|---|---|---|---|---|---|
| a | 3 | 1 | 2 | 0 | 1 | 2 |
| b | 1 | 0 | 0 | 1 | 5 | 1 |

The surest first, with + for right: 0.97+ 0.92+ 0.85 0.82+ 0.75 0.72+ 0.65 0.62 0.55 0.52 0.51 0.45 0.44 0.41 0.32+.
So F1 of all is best at 0.72, which keeps 4 right of 6: 2 * 4 / (6 + 7). That of a is best there too, 2 * 3 / (3 + 5),
and that of b at 0.97, 2 * 1 / (1 + 2).
"""

from __future__ import annotations

from tests.support.detected import Box, detected

__all__ = ["IMAGES", "NAMES"]

NAMES = ("a", "b")
_A, _B = 0, 1


def _place(column: int, row: int = 0) -> Box:
    return (120.0 * column, 60.0 * row, 120.0 * column + 49, 60.0 * row + 49)


_PLACES = [_place(0), _place(1), _place(2)]
_BESIDE = (20.0, 0.0, 69.0, 49.0)
"""Overlaps the first place by 30 of 70 columns."""

IMAGES = [
    detected([(_PLACES[0], _A, 0.92), (_PLACES[1], _A, 0.82), (_PLACES[2], _A, 0.72)], [(one, _A) for one in _PLACES]),
    detected([(_BESIDE, _A, 0.62)], [(_PLACES[0], _A)]),
    detected(
        [(_PLACES[0], _B, 0.97), (_PLACES[0], _A, 0.65), (_PLACES[0], _B, 0.55), (_PLACES[2], _A, 0.52)],
        [(_PLACES[0], _B), (_PLACES[2], _B)],
    ),
    detected(
        [
            (_place(2), _A, 0.99),  # difficult: it counts for nothing
            *((_place(column, 2), _B, score) for column, score in enumerate((0.85, 0.75, 0.51))),
            (_place(0, 4), _A, 0.45),
            (_place(1, 4), _B, 0.44),
            (_place(2, 4), _B, 0.41),
            (_place(0), _A, 0.32),
        ],
        [(_place(0), _A), (_place(2), _A)],
        [False, True],
    ),
]
