from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from dali_ssd.config import RenderConfig
from dali_ssd.errors import ConfigError, DaliSsdError
from dali_ssd.visualize.grid import (
    Outlines,
    Tile,
    own_side,
    pixels_of,
    save_grid,
    save_picture,
    tile_grid,
    tile_picture,
)
from dali_ssd.visualize.names import class_color

GRAY = np.full((100, 200, 3), 128, np.uint8)


def tile(*boxes: tuple[float, ...], **more: object) -> Tile:
    ids = np.arange(len(boxes), dtype=np.int32)
    return Tile(GRAY, np.array(boxes, np.float32).reshape(-1, 4), ids, **more)  # type: ignore[arg-type]


def has_color(picture: Image.Image, color: tuple[int, int, int]) -> bool:
    return bool((np.asarray(picture) == color).all(axis=2).any())


def test_a_grid_has_a_place_for_each_image() -> None:
    picture = tile_grid([tile()] * 5, [], columns=3, side=100)
    assert picture.size == (3 * 110 + 10, 2 * 60 + 10)  # each row is as high as its highest image
    assert tile_grid([tile()], [], columns=3, side=100).size == (120, 70)
    assert tile_grid([tile(caption="x")], [], side=100).size == (120, 92)
    high = Tile(np.zeros((200, 50, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    assert tile_grid([tile(), high, tile()], [], columns=2, side=100).size == (230, 110 + 60 + 10)


def test_boxes_have_the_color_of_their_class() -> None:
    picture = tile_grid([tile((20, 20, 80, 80), (120, 20, 180, 80))], ["a", "b"])
    assert has_color(picture, class_color(0))
    assert has_color(picture, class_color(1))
    assert not has_color(picture, class_color(2))


def test_true_boxes_are_white_and_thin() -> None:
    plain, marked = tile(), tile(faint_boxes=np.array([[20, 20, 80, 80]], np.float32))
    assert not has_color(tile_grid([plain], []), (255, 255, 255))
    assert has_color(tile_grid([marked], []), (255, 255, 255))


def test_scores_and_captions_are_written() -> None:
    boxes = ((20, 20, 80, 80),)
    plain = tile_grid([tile(*boxes, caption=" ")], ["a"])
    scored = tile_grid([tile(*boxes, caption=" ", scores=np.array([0.5], np.float32))], ["a"])
    named = tile_grid([tile(*boxes, caption="x" * 200)], ["a"])
    assert plain.size == scored.size == named.size
    assert (np.asarray(plain) != np.asarray(scored)).any()
    assert (np.asarray(plain) != np.asarray(named)).any()


def test_a_class_without_a_name_is_a_number() -> None:
    tile_grid([tile((20, 20, 80, 80))], [])


def test_nothing_to_draw() -> None:
    with pytest.raises(ConfigError, match="no images"):
        tile_grid([], [])


numbers = st.floats(width=32) | st.floats(-300, 300, width=32)


@settings(max_examples=50)
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(0, 4), st.just(4)), elements=numbers),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_any_box_on_any_image_can_be_drawn(boxes: npt.NDArray[np.float32], height: int, width: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    ids = np.arange(len(boxes), dtype=np.int32) - 1
    tile_grid([Tile(image, boxes, ids, faint_boxes=boxes)], ["a"], side=50)


@given(hnp.arrays(np.uint8, (5, 6, 3)))
def test_pixels_come_back(image: npt.NDArray[np.uint8]) -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    data = ((image / 255 - mean) / std).transpose(2, 0, 1).astype(np.float32)
    np.testing.assert_array_equal(pixels_of(data, RenderConfig()), image)


def test_outlines_have_colors_of_their_own_and_may_be_dashed() -> None:
    box = np.array([[20, 20, 80, 80]], np.float32)

    def pixels(dashed: bool) -> int:
        marks = Outlines(box, np.array([3], np.int32), np.array([dashed]))
        picture = np.asarray(tile_grid([tile(outlines=marks)], [], side=200))
        return int((picture == class_color(3)).all(axis=2).sum())

    assert pixels(dashed=False) == 4 * 60
    assert 0.4 * pixels(False) < pixels(True) < 0.8 * pixels(False)


def test_boxes_may_have_other_colors_than_their_classes() -> None:
    picture = tile_grid([tile((20, 20, 80, 80), colors=np.array([4], np.int32))], ["a"])
    assert has_color(picture, class_color(4)) and not has_color(picture, class_color(0))


def test_a_picture_alone_keeps_its_size_within_limits() -> None:
    assert tile_picture(tile(), [], least=1).size == (200, 100)
    assert tile_picture(tile(), []).size == (320, 160)
    assert tile_picture(tile(), [], least=1, most=50).size == (50, 25)


CROWD = [(60 + 9 * x, 40 + 9 * y, 66 + 9 * x, 46 + 9 * y) for x in range(4) for y in range(4)]


def crowded(**more: object) -> Tile:
    """Small boxes in a heap, one half of one class and one half of another."""
    ids = np.repeat(np.array([1, 0], np.int32), len(CROWD) // 2)
    return Tile(GRAY, np.array(CROWD, np.float32), ids, **more)  # type: ignore[arg-type]


def test_names_without_room_are_in_a_legend_below() -> None:
    alone, grid = tile_picture(crowded(), ["a", "b"]), tile_grid([crowded()] * 3, ["a", "b"], columns=2, side=200)
    assert alone.size == (320, 160 + 22)
    assert grid.size == (2 * 210 + 10, 2 * 110 + 10 + 22 + 10)
    for picture, high in ((alone, 22), (grid, 32)):
        band = picture.crop((0, picture.height - high, *picture.size))
        assert has_color(band, class_color(0)) and has_color(band, class_color(1))
        assert not has_color(band, class_color(2))
    sparse = tile((20, 20, 80, 80), (120, 20, 180, 80))
    assert tile_picture(sparse, ["a", "b"]).size == (320, 160)
    assert tile_grid([sparse, crowded()], ["a", "b"], side=200).height == 110 + 10 + 22 + 10


def test_a_tile_with_colors_of_its_own_has_a_legend_of_its_own() -> None:
    own = crowded(colors=np.arange(len(CROWD), dtype=np.int32), caption="x")
    grid = tile_grid([own, tile(caption="y")], ["a", "b"], side=300)
    assert grid.height == 150 + 22 + 22 + 20
    left, right = grid.crop((10, 182, 310, grid.height)), grid.crop((320, 182, 620, grid.height))
    assert all(has_color(left, class_color(number)) for number in range(len(CROWD)))
    assert not has_color(right, class_color(0))


def test_letters_grow_with_large_pictures() -> None:
    assert tile_grid([tile(caption="x")], [], side=1300).height == 650 + (26 + 9) + 20


def test_the_side_of_an_image_is_kept_within_limits() -> None:
    assert [own_side(tile(), least, most) for least, most in ((1, 500), (320, 500), (1, 150))] == [200, 320, 150]


def test_saving(tmp_path: Path) -> None:
    save_grid([tile((20, 20, 80, 80))], ["a"], tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.format == "PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    with pytest.raises(DaliSsdError, match="cannot write"):
        save_grid([tile()], [], tmp_path / "no" / "x.png")


def test_the_suffix_chooses_the_format(tmp_path: Path) -> None:
    for name, kind in (("a.jpg", "JPEG"), ("b.png", "PNG"), ("c", "PNG")):
        save_picture(Image.new("RGB", (8, 8)), tmp_path / name)
        with Image.open(tmp_path / name) as picture:
            assert picture.format == kind
