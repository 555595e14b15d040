from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from dali_ssd.pages.elements import Picture
from dali_ssd.pages.pictures import picture


def content(made: Picture) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(made.uri.removeprefix("data:image/jpeg;base64,"))))


@pytest.mark.parametrize(("size", "shown"), [((300, 200), (300, 200)), ((2000, 1000), (640, 320)), ((1, 3), (1, 3))])
def test_large_pictures_shrink(size: tuple[int, int], shown: tuple[int, int]) -> None:
    original = Image.new("RGB", size, (200, 30, 30))
    made = picture(original, "red", "A caption")
    assert (made.width, made.height) == content(made).size == shown
    assert original.size == size and (made.alt, made.caption) == ("red", "A caption")


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_pictures_of_every_mode_are_shown(mode: str) -> None:
    assert content(picture(Image.new(mode, (8, 8)), "")).mode == "RGB"


def test_noise_of_any_size_can_be_written() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    shown = np.asarray(content(picture(pixels, "noise")), np.float64)
    assert shown.shape == pixels.shape and abs(shown.mean() - pixels.mean()) < 2
