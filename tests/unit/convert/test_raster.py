from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from dali_ssd.convert.raster import turn_to_raw
from dali_ssd.records.format.image_header import Raster, read_raster


def encode(image: Image.Image, kind: str = "JPEG", orientation: int | None = None) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    stream = io.BytesIO()
    image.save(stream, kind, exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_follow_pixels(orientation: int) -> None:
    """A box marked in the raw raster, found again in Pillow's upright picture, comes back to where it was."""
    pixels = np.zeros((40, 60), np.uint8)
    pixels[5:12, 20:50] = 255
    raw = Image.fromarray(pixels)
    raw.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(raw))
    rows, columns = np.nonzero(upright)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float64)
    raster = Raster(60, 40, orientation, "JPEG")
    assert raster.upright_size == upright.shape[::-1]
    assert turn_to_raw(box, raster).tolist() == [[20, 5, 50, 12]]


def test_no_boxes() -> None:
    assert turn_to_raw(np.zeros((0, 4)), Raster(6, 4, 6, "JPEG")).shape == (0, 4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
def test_size_and_format(kind: str) -> None:
    raster = read_raster(encode(Image.new("RGB", (31, 17)), kind))
    assert raster == Raster(31, 17, 1, kind)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_is_read_and_size_stays_raw(orientation: int) -> None:
    raster = read_raster(encode(Image.new("RGB", (31, 17)), "JPEG", orientation))
    assert raster == Raster(31, 17, orientation, "JPEG")


@pytest.mark.parametrize(
    ("kind", "orientation", "turned"), [("TIFF", 6, True), ("TIFF", 1, False), ("TIFF", 9, False), ("PNG", 6, False)]
)
def test_tiff_that_asks_to_be_turned(kind: str, orientation: int, turned: bool) -> None:
    raster = read_raster(encode(Image.new("RGB", (31, 17)), kind, orientation))
    assert raster is not None and raster.turned_tiff is turned


@pytest.mark.parametrize("orientation", [0, 9, 60000])
def test_orientation_that_does_not_exist_counts_as_none(orientation: int) -> None:
    raster = read_raster(encode(Image.new("RGB", (31, 17)), "JPEG", orientation))
    assert raster is not None and raster.orientation == 1


def test_only_the_head_is_read() -> None:
    data = encode(Image.effect_noise((300, 200), 50))
    raster = read_raster(data[:1000])
    assert raster is not None and raster[:5] == (300, 200, 1, "JPEG", "L") and "cut" in str(raster.fault)


@given(st.binary(max_size=200), st.integers(0, 400))
def test_damage_is_none_or_a_raster(garbage: bytes, at: int) -> None:
    data = encode(Image.new("RGB", (31, 17)), "JPEG", 6)
    for damaged in (garbage, data[:at] + garbage + data[at:], data[:at]):
        raster = read_raster(damaged)
        assert raster is None or (raster.width > 0 and raster.height > 0 and 1 <= raster.orientation <= 8)
