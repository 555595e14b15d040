from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dali_ssd.visualize.verdicts import verdict_picture
from tests.support.detected import detected

GREEN, ORANGE, YELLOW = (0, 200, 120), (255, 80, 0), (250, 225, 60)
NAMES = ("cat", "dog")
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
    picture = np.asarray(verdict_picture(PAPER, detected(found, true), 100, NAMES))
    assert colors(picture) == shown


def test_boxes_of_the_square_input_are_put_onto_the_image() -> None:
    one = detected([((50, 50, 100, 100), 0, 1)], [((50, 50, 100, 100), 0)])
    picture = np.asarray(verdict_picture(PAPER, one, 100, NAMES))
    assert picture.shape == (120, 240, 3)
    rows, columns = np.nonzero((picture == GREEN).all(axis=2))
    assert (rows.max(), columns.min(), columns.max()) == (119, 120, 239)
    assert (picture[60, 120:240] == GREEN).all()


def test_detections_have_class_and_score_and_missed_objects_none() -> None:
    def drawn(class_id: int, score: float, classes: tuple[str, ...]) -> NDArray[np.uint8]:
        found = detected([((20, 50, 90, 90), class_id, score)], [((20, 50, 90, 90), class_id)])
        return np.asarray(verdict_picture(PAPER, found, 100, classes))

    picture = drawn(0, 0.61, NAMES)
    plate = picture[46:58, 50:110]
    assert (plate == GREEN).all(axis=2).any()
    assert plate.max(axis=2).min() < 120  # dark letters, blended with the plate by Pillow's own thin font
    for other in (drawn(0, 0.62, NAMES), drawn(1, 0.61, NAMES), drawn(0, 0.61, ())):
        assert (other[46:58, 48:160] != picture[46:58, 48:160]).any()
    # A missed object has its outline alone.
    missed = np.asarray(verdict_picture(PAPER, detected([], [((20, 50, 90, 90), 0)]), 100, NAMES))
    assert (missed[:59] == 128).all()


def test_errors_have_the_first_choice_of_room() -> None:
    right, wrong = (20, 50, 60, 90), (22, 52, 62, 88)
    found = detected([(right, 0, 0.9), (wrong, 1, 0.5)], [(right, 0)])
    pictures = [np.asarray(verdict_picture(PAPER, one, 100, NAMES)) for one in (found, detected([(right, 0, 0.9)], []))]
    above = pictures[0][44:58, 55:100]
    assert (above == ORANGE).all(axis=2).mean() > 0.3 and not (above == GREEN).all(axis=2).any()


@pytest.mark.parametrize(("objects", "drawn"), [(0, 5), (7, 7)])
def test_of_many_wrong_detections_the_surest_are_drawn(objects: int, drawn: int) -> None:
    """As many as there are objects, and five at least; all that are right are drawn."""
    wrong = [((5 + 9 * number, 5, 10 + 9 * number, 40), 0, 0.5 + 0.04 * number) for number in range(10)]
    true = [((5 + 9 * number, 60, 10 + 9 * number, 95), 1) for number in range(objects)]
    right = [(box, class_id, 0.41) for box, class_id in true]
    picture = np.asarray(verdict_picture(PAPER, detected([*wrong, *right], true), 100, ()))
    orange = (picture[30] == ORANGE).all(axis=1)
    shown = [number for number in range(10) if orange[12 + 22 * number : 26 + 22 * number].any()]
    assert shown == list(range(10 - drawn, 10))
    assert (picture[90] == GREEN).all(axis=1).sum() >= 2 * objects
