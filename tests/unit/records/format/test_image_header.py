from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dali_ssd.records.format.image_header import Raster, read_raster
from dali_ssd.records.format.jpeg import read_jpeg
from tests.support.records import encoded


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM"])
def test_size_and_format(kind: str) -> None:
    assert read_raster(encoded(kind)) == Raster(40, 30, 1, kind)


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "1"), ("GIF", "P")]
)
def test_channels(kind: str, mode: str) -> None:
    raster = read_raster(encoded(kind, mode))
    assert raster is not None and (raster.format, raster.mode) == (kind, mode)


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 5}, {"subsampling": 2, "optimize": True}])
def test_all_sorts_of_jpegs_are_whole(options: dict[str, int]) -> None:
    stream = io.BytesIO()
    Image.effect_noise((65, 33), 90).save(stream, "JPEG", **options)
    assert read_raster(stream.getvalue()) == Raster(65, 33, 1, "JPEG", "L", progressive="progressive" in options)
    assert read_raster(stream.getvalue() + b"more") == read_raster(stream.getvalue())


def test_every_cut_of_a_jpeg_is_seen() -> None:
    data = encoded()
    for end in range(3, len(data)):
        raster = read_raster(data[:end])
        assert raster is None or raster.fault is not None, end


def test_cut_png() -> None:
    raster = read_raster(encoded("PNG")[:-12])
    assert raster is not None and raster.fault is not None


def test_huge_size_is_told() -> None:
    data = bytearray(encoded())
    at = data.find(b"\xff\xc0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    raster = read_raster(bytes(data))
    assert raster is not None and (raster.width, raster.height) == (65535, 65535)
    png = encoded("PNG").replace((40).to_bytes(4, "big") + (30).to_bytes(4, "big"), b"\0\1\0\0" * 2)
    assert read_raster(png) is None or read_raster(png)[:2] == (65536, 65536)  # type: ignore[index]


@pytest.mark.parametrize("data", [b"", b"text", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", bytes(100)])
def test_not_an_image(data: bytes) -> None:
    assert read_raster(data) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int) -> None:
    for kind in ("JPEG", "WEBP"):
        raster = read_raster(encoded(kind, orientation=orientation))
        assert raster is not None and raster.orientation == orientation and (raster.width, raster.height) == (40, 30)


@pytest.mark.parametrize(("options", "words"), [({}, "JPEG RGB"), ({"progressive": True}, "JPEG RGB (progressive)")])
def test_progressive(options: dict[str, Any], words: str) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (31, 17)).save(stream, "JPEG", **options)
    raster = read_raster(stream.getvalue())
    assert raster is not None and raster.progressive == bool(options) and raster.kind == words


def test_markers_without_size() -> None:
    assert read_jpeg(b"\xff\xd8\xff\xda\0\2\xff\xd9") is not None
    assert read_jpeg(b"\xff\xd8\xff\xda\0\2\xff\xd9").fault == "pixels begin before the image's size is given"  # type: ignore[union-attr]
    assert "end marker comes" in str(read_jpeg(b"\xff\xd8\xff\xd9\0\0"))


@given(st.binary(max_size=60), st.integers(0, 700), st.integers(0, 3))
def test_damage_ends_in_a_raster_or_none(garbage: bytes, at: int, kind: int) -> None:
    data = encoded(["JPEG", "PNG", "BMP", "TIFF"][kind], orientation=6 if kind == 0 else 1)
    for damaged in (garbage, data[:at] + garbage + data[at + len(garbage) :], b"\xff\xd8\xff" + garbage):
        raster = read_raster(damaged)
        assert raster is None or (raster.width >= 0 and raster.height >= 0 and 1 <= raster.orientation <= 8)
