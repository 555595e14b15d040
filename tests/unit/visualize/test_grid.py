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
from dali_ssd.visualize.grid import Tile, class_color, pixels_of, save_grid, tile_grid

GRAY = np.full((100, 200, 3), 128, np.uint8)


def tile(*boxes: tuple[float, ...], **more: object) -> Tile:
    ids = np.arange(len(boxes), dtype=np.int32)
    return Tile(GRAY, np.array(boxes, np.float32).reshape(-1, 4), ids, **more)  # type: ignore[arg-type]


def has_color(picture: Image.Image, color: tuple[int, int, int]) -> bool:
    return bool((np.asarray(picture) == color).all(axis=2).any())


def test_a_grid_has_a_place_for_each_image() -> None:
    picture = tile_grid([tile()] * 5, [], columns=3, side=100)
    assert picture.size == (3 * 110 + 10, 2 * 110 + 10)
    assert tile_grid([tile()], [], columns=3, side=100).size == (120, 120)
    assert tile_grid([tile(caption="x")], [], side=100).size == (120, 142)


def test_boxes_have_the_color_of_their_class() -> None:
    picture = tile_grid([tile((20, 20, 80, 80), (120, 20, 180, 80))], ["a", "b"])
    assert has_color(picture, class_color(0))
    assert has_color(picture, class_color(1))
    assert not has_color(picture, class_color(2))


def test_first_colors_differ() -> None:
    assert len({class_color(number) for number in range(80)}) == 80


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


def test_saving(tmp_path: Path) -> None:
    save_grid([tile((20, 20, 80, 80))], ["a"], tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.format == "PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    with pytest.raises(DaliSsdError, match="cannot write"):
        save_grid([tile()], [], tmp_path / "no" / "x.png")
