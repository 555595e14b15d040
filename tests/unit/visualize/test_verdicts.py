from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dali_ssd.visualize.verdicts import verdict_picture
from tests.support.detected import detected

GREEN, ORANGE, YELLOW = (0, 200, 120), (255, 80, 0), (250, 225, 60)
PAPER = np.full((60, 120, 3), 128, np.uint8)


def colors(picture: NDArray[np.uint8]) -> set[tuple[int, ...]]:
    return {tuple(int(value) for value in pixel) for pixel in picture.reshape(-1, 3)} & {GREEN, ORANGE, YELLOW}


@pytest.mark.parametrize(
    ("found", "true", "shown"),
    [
        ([], [], set()),
        ([((10, 10, 60, 60), 0, 0.9)], [((10, 10, 60, 60), 0)], {GREEN}),
        ([((15, 15, 65, 65), 1, 0.9)], [((10, 10, 60, 60), 0)], {ORANGE, YELLOW}),
        ([((10, 10, 60, 60), 0, 0.39)], [((10, 10, 60, 60), 0)], {YELLOW}),
        ([((float("nan"), 10, 60, 60), 0, 0.9)], [], set()),
        ([((-1e9, -1e9, 1e9, 1e9), 0, 0.9)], [((60, 60, 10, 10), 0)], {ORANGE, YELLOW}),
    ],
)
def test_boxes_have_the_color_of_their_verdict(found: list, true: list, shown: set[tuple[int, ...]]) -> None:  # type: ignore[type-arg]
    picture = np.asarray(verdict_picture(PAPER, detected(found, true), 100))
    assert colors(picture) == shown


def test_boxes_of_the_square_input_are_put_onto_the_image() -> None:
    picture = np.asarray(verdict_picture(PAPER, detected([((50, 50, 100, 100), 0, 1)], [((50, 50, 100, 100), 0)]), 100))
    assert picture.shape == (120, 240, 3)
    rows, columns = np.nonzero((picture == GREEN).all(axis=2))
    assert (rows.min(), columns.min()) == (60, 120)
    assert (rows.max(), columns.max()) == (119, 239)
