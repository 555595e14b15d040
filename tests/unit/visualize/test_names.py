from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dali_ssd.visualize.names import Name, class_color, label_lettering, label_text, write_names

WIDE, HIGH = 400, 300
COLORS = [class_color(number) for number in range(60)]
LETTERING = label_lettering(["cell"], 13)


def written(
    *boxes: tuple[float, ...], clear: tuple[tuple[float, ...], ...] = ()
) -> tuple[list[int], NDArray[np.uint8]]:
    """Names at boxes, each of another color: the numbers of those left out, and the picture."""
    picture = Image.new("RGB", (WIDE, HIGH))
    names = [Name(np.array(box, np.float64), "cell", COLORS[number]) for number, box in enumerate(boxes)]
    further = np.array(clear, np.float64).reshape(-1, 4)
    left_out = write_names(ImageDraw.Draw(picture), picture.size, names, LETTERING, further)
    return left_out, np.asarray(picture)


def plate(pixels: NDArray[np.uint8], number: int) -> tuple[int, int, int, int]:
    """Where the plate of a name is: left, top, right, bottom."""
    rows, columns = np.nonzero((pixels == COLORS[number]).all(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_a_name_stands_above_its_box() -> None:
    left_out, pixels = written((100, 100, 200, 200), (250, 50, 390, 250))
    assert not left_out
    assert plate(pixels, 0)[0] == 100 and plate(pixels, 0)[3] == 100
    assert plate(pixels, 1)[0] == 250 and plate(pixels, 1)[3] == 50


def test_at_the_upper_edge_it_stands_inside_a_large_box_and_below_a_small_one() -> None:
    _, pixels = written((100, 0, 300, 200))
    assert plate(pixels, 0)[1] == 0
    _, pixels = written((100, 0, 120, 20))
    assert plate(pixels, 0)[1] == 20


def test_it_covers_no_other_name_and_no_small_box() -> None:
    boxes = ((100, 100, 200, 200), (105, 102, 205, 202))
    left_out, pixels = written(*boxes)
    assert not left_out and plate(pixels, 1)[1] >= plate(pixels, 0)[3]  # the second one is inside
    assert written((100, 100, 120, 120), (102, 85, 112, 95))[0] == [0]  # its place has a small object
    assert written((100, 100, 120, 120), clear=((102, 85, 112, 95),))[0] == []  # alone, it is written
    assert written((100, 100, 120, 120), (300, 100, 320, 120), clear=((102, 85, 112, 95),))[0] == [0]


def test_names_of_a_crowd_hide_next_to_nothing() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, (WIDE - 40, HIGH - 40), (50, 2))
    boxes = np.hstack([corners, corners + rng.uniform(8, 60, (50, 2))])
    left_out, pixels = written(*boxes.tolist())
    assert 10 < len(left_out) < 50
    covered = pixels.any(axis=2)
    for x0, y0, x1, y1 in boxes.round().astype(int).clip(0):
        assert covered[y0:y1, x0:x1].mean() < 0.25  # a seventh, and the rounding of small boxes
    # None covers another: each plate has its whole outline.
    for number in set(range(50)) - set(left_out):
        left, top, right, bottom = plate(pixels, number)
        assert (right - left, bottom - top) == (int(LETTERING.width("cell")) + 6, 17)


@pytest.mark.parametrize("box", [(np.nan, 1, 2, 3), (-1e9, -1e9, 1e9, 1e9), (50, 50, 10, 10), (900, 900, 950, 950)])
def test_boxes_of_damaged_labels(box: tuple[float, ...]) -> None:
    assert written(box)[0] == []
    left_out, pixels = written(box, (200, 100, 300, 200))
    assert 1 not in left_out and plate(pixels, 1)[3] == 100


def test_a_picture_without_room_for_a_name() -> None:
    picture = Image.new("RGB", (20, 10))
    names = [Name(np.array([0.0, 0, 9, 9]), "a long name", COLORS[0]), Name(np.array([9.0, 0, 19, 9]), "x", COLORS[1])]
    assert write_names(ImageDraw.Draw(picture), picture.size, names, LETTERING) == [0, 1]


def test_first_colors_differ() -> None:
    assert len({class_color(number) for number in range(80)}) == 80


def test_a_class_without_a_name_is_a_number() -> None:
    assert label_text(0, None, ["cell"], LETTERING) == "cell"
    assert label_text(1, 0.5, ["cell"], LETTERING) == "class 1 0.50"
    assert label_text(-1, None, ["cell"], LETTERING) == "class -1"
