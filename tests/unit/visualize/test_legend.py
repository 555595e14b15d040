from __future__ import annotations

import numpy as np
from PIL import Image

from dali_ssd.visualize.legend import PAPER, legend_picture, merged, with_legend
from dali_ssd.visualize.names import class_color, label_lettering

RED, BLUE, GREEN = (class_color(number) for number in range(3))
LETTERING = label_lettering(["cat", "dog"], 13)
LINE = 22


def places(picture: Image.Image, color: tuple[int, int, int]) -> list[int]:
    """The first pixels of a row through the middle of the first line that begin a square of this color."""
    row = (np.asarray(picture)[LINE // 2] == color).all(axis=1)
    return [int(x) for x in np.flatnonzero(row) if x == 0 or not row[x - 1]]


def test_each_name_is_behind_all_its_colors() -> None:
    picture = legend_picture({"cat": [RED, GREEN], "dog": [BLUE]}, 300, LETTERING)
    assert picture.size == (300, LINE)
    assert places(picture, RED) == [0] and places(picture, GREEN) == [14]
    (blue,) = places(picture, BLUE)
    assert blue > 14 + LETTERING.width("cat")
    letters = np.asarray(picture)[:, 28 : blue - 10]
    assert (letters != PAPER).any(), "the name is written between them"


def test_it_takes_the_lines_that_it_needs_and_says_how_many_names_are_left() -> None:
    three = {name: [RED] for name in ("cat", "dog", "cat dog")}
    assert legend_picture(three, 60, LETTERING).size == (60, 3 * LINE)
    many = {f"class {number}": [RED] for number in range(40)}
    assert legend_picture(many, 100, LETTERING).size == (100, 7 * LINE)
    some = legend_picture(dict(list(many.items())[:6]), 100, LETTERING)
    assert some.size == (100, 6 * LINE)


def test_a_name_that_is_too_long_is_shortened() -> None:
    picture = np.asarray(legend_picture({"cat" * 50: [RED]}, 100, LETTERING))
    assert picture.shape == (LINE, 100, 3)


def test_colors_are_merged_by_name() -> None:
    assert merged([{"a": [RED]}, {"b": [BLUE]}, {"a": [RED, GREEN]}]) == {"a": (RED, GREEN), "b": (BLUE,)}


def test_a_legend_goes_below_a_picture_that_has_one() -> None:
    picture = Image.new("RGB", (200, 100), RED)
    assert with_legend(picture, {}, LETTERING) is picture
    both = with_legend(picture, {"cat": [BLUE]}, LETTERING, margin=10)
    assert both.size == (200, 100 + LINE + 10)
    np.testing.assert_array_equal(np.asarray(both)[:100], np.asarray(picture))
    assert (np.asarray(both)[100:] == BLUE).all(axis=2).any()
