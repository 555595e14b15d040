"""The decoder of progressive JPEGs against libjpeg, which Pillow and DALI have: equal to the bit, or declined."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from dali_ssd.graph.jpeg import decode_kernel, output_shape_kernel
from tests.support.paths import ROOT
from tests.support.pipes import arrays, train_pipeline, val_pipeline
from tests.support.shards import Pixels, as_shard, draw, encoded, random_boxes, write

FILES = Path(__file__).with_name("jpegs")
GRAY, RGB = "L", "RGB"
Region = tuple[int, int, int, int]


def progressive(pixels: Pixels, mode: str = RGB, **options: Any) -> bytes:
    return encoded(pixels, "JPEG", mode, progressive=True, **options)


def noise(seed: int, height: int, width: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def by_libjpeg(file: bytes) -> Pixels:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damage in files that were damaged on purpose
        return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def decoded(file: bytes, region: Region) -> Pixels | None:
    """What the decoder makes of a region y x height width; None where it declines."""
    data, where = np.frombuffer(file, np.uint8), np.array(region, np.int32)
    (room,) = output_shape_kernel().on_arrays(data, where)
    pixels, done = decode_kernel().on_arrays(data, where, np.zeros(tuple(room), np.uint8))
    return pixels if done[0] else None


@st.composite
def regions(draw: st.DrawFn, height: int, width: int) -> Region:
    y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    return y, x, draw(st.integers(1, height - y)), draw(st.integers(1, width - x))


@st.composite
def files(draw_from: st.DrawFn) -> tuple[bytes, int, int]:
    """A progressive JPEG of any size up to 70 pixels, quality, sampling and content; its height and width."""
    height, width = draw_from(st.integers(1, 70)), draw_from(st.integers(5, 70))
    seed = draw_from(st.integers(0, 2**32))
    pixels = (
        noise(seed, height, width) if draw_from(st.booleans()) else draw(np.random.default_rng(seed), height, width)
    )
    options = {"quality": draw_from(st.integers(1, 100)), "optimize": draw_from(st.booleans())}
    mode = draw_from(st.sampled_from([RGB, RGB, RGB, GRAY]))
    if mode == RGB:
        options["subsampling"] = draw_from(st.integers(0, 2))
    return progressive(pixels, mode, **options), height, width


@settings(max_examples=400)
@given(st.data())
def test_pixels_are_libjpegs_to_the_bit(data: st.DataObject) -> None:
    file, height, width = data.draw(files())
    y, x, h, w = region = data.draw(regions(height, width))
    found = decoded(file, region)
    assert found is not None
    np.testing.assert_array_equal(found, by_libjpeg(file)[y : y + h, x : x + w])


@settings(max_examples=600)
@given(st.data())
def test_damaged_file_is_declined_or_decoded_as_libjpeg_does(data: st.DataObject) -> None:
    file, height, width = data.draw(files())
    y, x, h, w = region = data.draw(regions(height, width))
    damaged = bytearray(file)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(2, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    found = decoded(bytes(damaged), region)
    if found is not None:
        assert found.shape == (h, w, 3)
        try:
            expected = by_libjpeg(bytes(damaged))
        except (OSError, SyntaxError):  # damage behind the region, or where this decoder need not look
            return
        np.testing.assert_array_equal(found, expected[y : y + h, x : x + w])


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff\xd8")
@example(b"\xff\xd8\xff\xc2\0\2\xff\xda\0\2")
@example(b"\xff\xd8\xff\xc2\xff\xff")
@example(b"\xff\xd8\xff\xc2\0\x0b\x08\0\1\0\1\1\1\x11\0\xff\xda\0\2\xff\xd9")
def test_anything_else_is_declined(file: bytes) -> None:
    assert decoded(file, (0, 0, 1, 1)) is None


def test_every_beginning_of_a_file_is_declined() -> None:
    file = progressive(draw(np.random.default_rng(3), 24, 24))
    assert decoded(file, (0, 0, 24, 24)) is not None
    assert all(decoded(file[:end], (0, 0, 24, 24)) is None for end in range(len(file)))


@pytest.mark.parametrize("name", ["separate-dc", "no-refinement"])
@pytest.mark.parametrize("region", [(0, 0, 53, 75), (20, 30, 15, 17), (40, 50, 13, 25), (52, 74, 1, 1)])
def test_other_orders_of_scans(name: str, region: Region) -> None:
    file = (FILES / f"{name}.jpg").read_bytes()
    y, x, h, w = region
    found = decoded(file, region)
    assert found is not None
    np.testing.assert_array_equal(found, by_libjpeg(file)[y : y + h, x : x + w])


SMOOTH = draw(np.random.default_rng(0), 40, 48)


@pytest.mark.parametrize(
    "file",
    [
        encoded(SMOOTH, "JPEG"),
        encoded(SMOOTH, "PNG"),
        progressive(SMOOTH, "CMYK"),
        progressive(SMOOTH, restart_marker_blocks=2),
        progressive(SMOOTH, keep_rgb=True),
        progressive(draw(np.random.default_rng(0), 9, 4), subsampling=2),
        progressive(SMOOTH, subsampling=0).replace(b"\1\x11\0\2\x11", b"\1\x12\0\2\x11", 1),
        (FILES / "arithmetic.jpg").read_bytes(),
        (FILES / "incomplete.jpg").read_bytes(),
        progressive(SMOOTH)[:-2],
    ],
    ids=["sequential", "png", "cmyk", "restarts", "rgb", "narrow", "440", "arithmetic", "incomplete", "no-end"],
)
def test_unusual_is_declined(file: bytes) -> None:
    height, width = (9, 4) if Image.open(io.BytesIO(file)).size == (4, 9) else (40, 48)
    assert decoded(file, (0, 0, height, width)) is None


GUARDED = """
import ctypes, mmap, sys
import numpy as np
from dali_ssd.graph.jpeg import decode_kernel
from tests.unit.kernels.jpeg.test_decoder import SMOOTH, noise, progressive

libc, page = ctypes.CDLL(None, use_errno=True), mmap.PAGESIZE
memory = mmap.mmap(-1, 64 * page)
begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
assert libc.mprotect(ctypes.c_void_p(begin + 63 * page), page, 0) == 0  # nobody may read behind the file
region, room = np.array([0, 0, 40, 48], np.int32), np.zeros((40, 48, 0), np.uint8)
for file in (progressive(SMOOTH), progressive(noise(0, 40, 48), quality=95), progressive(SMOOTH, "L")):
    for data in (file, *(file[:end] + tail for end in range(2, len(file), 3) for tail in (b"", b"\\xff\\0", b"\\xff"))):
        start = 63 * page - len(data)
        memory[start : 63 * page] = data
        guarded = np.frombuffer(memory, np.uint8, len(data), start)
        assert decode_kernel().on_arrays(guarded, region, room)[1][0] == (data is file)
print("alive")
"""


def test_nothing_is_read_behind_the_file() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GUARDED], capture_output=True, text=True, cwd=ROOT, timeout=240, check=False
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def segments(file: bytes, marker: int) -> list[tuple[int, int]]:
    """Begin and end of all segments of a kind before the first scan."""
    found, at = [], 2
    while file[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        found += [(at, end)] * (file[at + 1] == marker)
        at = end
    return found


def without_factors() -> bytes:
    file = progressive(SMOOTH)
    begin, end = segments(file, 0xDB)[-1]
    return file[:begin] + file[end:]


def high_bit() -> bytes:
    """A file whose first scan, of DC, claims to begin with bit 6 and not with bit 1."""
    file = progressive(SMOOTH)
    at = file.index(b"\xff\xda") + 2 + int.from_bytes(file[file.index(b"\xff\xda") + 2 :][:2], "big") - 1
    assert file[at] == 1
    return file[:at] + b"\x06" + file[at + 1 :]


def patched(file: bytes, marker: int, offset: int, content: bytes) -> bytes:
    """The file with other content at an offset into the first segment of a kind."""
    at = segments(file, marker)[0][0] + offset
    return file[:at] + content + file[at + len(content) :]


@pytest.mark.parametrize(
    "file",
    [
        without_factors(),
        progressive(SMOOTH)[:2] + b"\xff\xf0\0\2" + progressive(SMOOTH)[2:],
        patched(progressive(SMOOTH, GRAY), 0xC2, 11, b"\x55"),
        patched(progressive(SMOOTH), 0xC4, 5, b"\2"),
        high_bit(),
    ],
    ids=["no-factors", "unknown-marker", "sampling", "full-code", "shift"],
)
def test_what_libjpeg_refuses_is_declined(file: bytes) -> None:
    assert decoded(file, (0, 0, 40, 48)) is None


@pytest.mark.parametrize("region", [(0, 0, 41, 48), (0, 0, 40, 49), (-1, 0, 9, 9), (0, 40, 9, 9), (0, 0, 0, 5)])
def test_region_outside_is_declined(region: Region) -> None:
    assert decoded(progressive(SMOOTH), region) is None


def test_huge_claim_takes_no_memory() -> None:
    file = bytearray(progressive(SMOOTH))
    at = file.index(b"\xff\xc2") + 5
    file[at : at + 4] = b"\xff\xff\xff\xff"
    assert decoded(bytes(file), (0, 0, 60000, 60000)) is None


def test_real_photos(real_data: Path) -> None:
    found = 0
    for path in sorted((real_data / "photos").rglob("*.jp*g")):
        file = path.read_bytes()
        image = by_libjpeg(file)
        height, width = image.shape[:2]
        for y, x, h, w in ((0, 0, height, width), (height // 3, width // 4, height // 3, width // 2)):
            pixels = decoded(file, (y, x, h, w))
            if pixels is not None:
                found += 1
                np.testing.assert_array_equal(pixels, image[y : y + h, x : x + w], err_msg=path.name)
    assert found == 2 * 41


def mixed(folder: Path, count: int = 12) -> tuple[Path, ...]:
    """A shard of progressive and other images, one of them damaged in the middle."""
    rng = np.random.default_rng(4)
    records = []
    for number in range(count):
        pixels = draw(rng, int(rng.integers(40, 90)), int(rng.integers(40, 90)))
        damaged = bytearray(progressive(noise(number, 60, 60)))
        damaged[len(damaged) // 2] ^= 0x55
        file = (
            progressive(pixels),
            encoded(pixels, "JPEG"),
            progressive(pixels, GRAY),
            encoded(pixels, "PNG"),
            progressive(pixels, "CMYK"),
            bytes(damaged),
        )[number % 6]
        records.append((np.array([2, 5, *np.concatenate([[number % 3], random_boxes(rng, 1)[0]])], np.float32), file))
    return write(folder, records)


def test_batches_do_not_depend_on_the_decoder(tmp_path: Path) -> None:
    shard = as_shard(mixed(tmp_path))
    for pipeline, batch_size in ((train_pipeline, 6), (val_pipeline, 12)):
        plain, fast = pipeline(shard, batch_size), pipeline(replace(shard, progressive=True), batch_size)
        for _ in range(4):
            for theirs, ours in zip(plain.run(), fast.run(), strict=True):
                for expected, found in zip(arrays(theirs), arrays(ours), strict=True):
                    np.testing.assert_array_equal(found, expected)


def test_batches_of_one_kind_only(tmp_path: Path) -> None:
    """DALI leaves an operator out whose share of a batch is empty."""
    label = np.array([2, 5], np.float32)
    for name, file in (("ours", progressive(SMOOTH)), ("theirs", encoded(SMOOTH, "JPEG"))):
        shard = as_shard(write(tmp_path / name, [(label, file)] * 4))
        images = [arrays(val_pipeline(one, 4).run()[0]) for one in (shard, replace(shard, progressive=True))]
        np.testing.assert_array_equal(images[0], images[1])


def test_upright_images_are_dalis(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    shard = as_shard(write(tmp_path, [(np.array([2, 5], np.float32), progressive(SMOOTH, exif=exif))]))
    images = [arrays(val_pipeline(one, 1, upright=True).run()[0]) for one in (shard, replace(shard, progressive=True))]
    np.testing.assert_array_equal(images[0], images[1])
