"""Whether DALI will decode a JPEG, decided from its head before training and without decoding."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dali_ssd.records.format.image_header import read_raster
from dali_ssd.records.format.jpeg import read_jpeg, without_stray

APP0, DQT, SOF, DHT, SOS = 0xE0, 0xDB, 0xC0, 0xC4, 0xDA


def photo(**options: int | bool) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).resize((64, 48), Image.Resampling.BICUBIC).save(stream, "JPEG", **options)
    return stream.getvalue()


PHOTO, PASSES = photo(), photo(progressive=True)


def segment(data: bytes, wanted: int) -> tuple[int, int]:
    """First byte and end of the first segment of a kind."""
    at = 2
    while data[at + 1] != wanted:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at, at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def before(marker: int, more: bytes) -> bytes:
    at = segment(PHOTO, marker)[0]
    return PHOTO[:at] + more + PHOTO[at:]


def changed(marker: int, offset: int, *values: int, data: bytes = PHOTO) -> bytes:
    at = segment(data, marker)[0] + offset
    return data[:at] + bytes(values) + data[at + len(values) :]


def second_scan(offset: int, value: int) -> bytes:
    """A progressive image with one other byte in the header of its second scan."""
    at = PASSES.index(b"\xff\xda", segment(PASSES, SOS)[1]) + offset
    return PASSES[:at] + bytes([value]) + PASSES[at + 1 :]


def without(marker: int, data: bytes) -> bytes:
    return data.replace(data[slice(*segment(data, marker))], b"")


def dali_decodes(*images: bytes) -> list[bool]:
    """Whether DALI decodes each of the images."""
    fn = pytest.importorskip("nvidia.dali.fn")
    from nvidia.dali import pipeline_def

    def decodes(data: bytes) -> bool:
        @pipeline_def(batch_size=1, num_threads=1, device_id=None)
        def decode():  # type: ignore[no-untyped-def]
            source = fn.external_source(lambda: [np.frombuffer(data, np.uint8)], batch=True)
            return fn.decoders.image(source, device="cpu")

        try:
            decode().run()
        except RuntimeError:
            return False
        return True

    return [decodes(data) for data in images]


@pytest.mark.parametrize("marker", [DQT, SOF, DHT, SOS])
@pytest.mark.parametrize(
    "more", [b"\0", b"ab", b"\0\xff", b"\xff\0", b"\xff\xd0", b"\xff\x01", b"\xd9\0\xff\xd7\xff\0x"]
)
def test_stray_bytes_are_found_and_taken_out_without_loss(marker: int, more: bytes) -> None:
    data = before(marker, more)
    raster = read_raster(data)
    assert raster is not None and raster.stray and raster.refused is None and raster.fault is None
    clean = without_stray(data)
    left = read_raster(clean)
    assert left is not None and left.stray == 0
    assert dali_decodes(data, clean) == [False, True]
    decoded, again = (cv2.imdecode(np.frombuffer(file, np.uint8), 1) for file in (data, clean))
    assert decoded is not None and again is not None
    assert np.array_equal(again, decoded)


@pytest.mark.parametrize("more", [b"\xff", b"\xff\xff\xff"])
def test_fill_bytes_before_a_marker_are_allowed(more: bytes) -> None:
    data = before(SOF, more)
    raster = read_raster(data)
    assert raster is not None and (raster.stray, raster.refused, raster.fault) == (0, None, None)
    assert dali_decodes(data) == [True]


REFUSED = {
    "begins twice": before(DQT, b"\xff\xd8"),
    "12 bits": changed(SOF, 4, 12),
    "16 bits": changed(SOF, 4, 16),
    "lossless": changed(SOF, 1, 0xC3),
    "hierarchical": changed(SOF, 1, 0xC5),
    "lossless arithmetic": changed(SOF, 1, 0xCB),
    "progressive by name only": changed(SOF, 1, 0xC2),
    "2 components": changed(SOF, 9, 2),
    "5 components": changed(SOF, 9, 5),
    "sampling 0": changed(SOF, 11, 0),
    "sampling 5": changed(SOF, 11, 0x51),
    "too many blocks": changed(SOF, 11, 0x44),
    "no such quantization table": changed(SOF, 12, 3),
    "two components of one name": changed(SOF, 13, 1),
    "two frames": before(SOF, PHOTO[slice(*segment(PHOTO, SOF))]),
    "scan of an unknown component": changed(SOS, 5, 9),
    "scan of 4 components": changed(SOS, 4, 4),
    "no such Huffman table": changed(SOS, 6, 0x33),
    "Huffman table 8": changed(DHT, 4, 8),
    "Huffman table of too many codes": changed(DHT, 5, 255),
    "quantization table 9": changed(DQT, 4, 9),
    "quantization table cut": changed(DQT, 4, 0x10),
    "too wide": changed(SOF, 7, 0xFF, 0xDD),
    "too high": changed(SOF, 5, 0xFF, 0xFF),
    "sampling 3 beside 2": changed(SOF, 11, 0x31, 0, 2, 0x21),
    "no Huffman tables in passes": without(DHT, PASSES),
    "bad conditions of arithmetic coding": before(SOS, b"\xff\xcc\0\4\0\x12"),
    "arithmetic coding conditions of table 32": before(SOS, b"\xff\xcc\0\4\x20\1"),
    "half a pair of arithmetic coding conditions": before(SOS, b"\xff\xcc\0\3\0"),
    "later scan of an unknown component": second_scan(5, 9),
    "later scan with another Huffman table": second_scan(6, 0x33),
    "later scan of impossible coefficients": second_scan(7, 70),
    "later segment that is none": second_scan(1, 0xF7),
    "begins again between scans": second_scan(1, 0xD8),
    "short restart interval": before(SOS, b"\xff\xdd\0\3\0"),
    "unknown segment": before(SOS, b"\xff\xf7\0\4hi"),
    "reserved segment": before(SOS, b"\xff\x02\0\4hi"),
    "hierarchical segment": before(SOS, b"\xff\xde\0\4hi"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_decoders_refuse_is_found(name: str) -> None:
    raster = read_raster(REFUSED[name])
    assert raster is not None and raster.refused is not None
    assert dali_decodes(REFUSED[name]) == [False]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("short restart interval", "interval of 1 byte,"),
        ("scan of 4 components", "4 components in a scan of 10 bytes"),
        ("12 bits", "12 bits a sample"),
    ],
)
def test_words_agree_with_numbers(name: str, words: str) -> None:
    raster = read_raster(REFUSED[name])
    assert raster is not None and words in str(raster.refused)


TAKEN = {
    "comment": before(SOS, b"\xff\xfe\0\4hi"),
    "number of lines": before(SOS, b"\xff\xdc\0\4\0\x30"),
    "extended": changed(SOF, 1, 0xC1),
    "no Huffman tables, as in motion JPEG": PHOTO.replace(PHOTO[slice(*segment(PHOTO, DHT))], b""),
    "conditions of arithmetic coding": before(SOS, b"\xff\xcc\0\6\0\x21\x1f\xff"),
    "as wide as can be": changed(SOF, 7, 0xFF, 0xDC),
    "sampling 4 beside 2": changed(SOF, 11, 0x41, 0, 2, 0x21),
    "first scan of one component": changed(SOS, 2, 0, 8, 1, 1, 0, 0, 63, 0),
    "odd scan": changed(SOS, 11, 5),
    "progressive": PASSES,
    "optimized": photo(optimize=True),
    "more behind the end": PHOTO + b"more",
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_decoders_take_is_clean(name: str) -> None:
    raster = read_raster(TAKEN[name])
    assert raster is not None and (raster.refused, raster.stray, raster.fault) == (None, 0, None)
    assert dali_decodes(TAKEN[name]) == [True]


@given(st.binary(max_size=200), st.integers(2, 600), st.booleans())
def test_any_damage_of_a_head_is_read_without_a_crash(more: bytes, at: int, instead: bool) -> None:
    data = PHOTO[:at] + more + PHOTO[at + len(more) * instead :]
    found = read_jpeg(data)
    clean = without_stray(data)
    assert found is None or all(first < end <= len(data) for first, end in found.stray)
    again = read_jpeg(clean)
    assert found is None or (again is not None and (again.stray == () or found.fault is not None))


HEAD = segment(PHOTO, SOS)[1]


@given(at=st.integers(2, HEAD - 1), value=st.integers(0, 255))
def test_a_head_that_is_called_clean_is_decoded(at: int, value: int) -> None:
    """One byte of the head is changed: DALI decodes each image without a finding."""
    data = PHOTO[:at] + bytes([value]) + PHOTO[at + 1 :]
    raster = read_raster(data)
    clean = raster is not None and (raster.refused, raster.stray, raster.fault) == (None, 0, None)
    if clean and raster is not None and (raster.width, raster.height) == (64, 48):
        assert dali_decodes(data) == [True]
