"""Faults in the structure of images other than JPEGs: missing bytes, and variants that are not decoded.

Refused are the images that DALI 2.4 refuses on the CPU, and a few truncated files that it accepts, such as BMPs of
32 bits. Damage inside the pixels is not checked here: decoding finds it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from PIL import Image, ImageFile

__all__ = ["Faults", "find_faults"]


class Faults(NamedTuple):
    """Why an image cannot be decoded."""

    fault: str | None = None
    """What is missing; None if nothing."""
    refused: str | None = None
    """Why decoders refuse the image although no byte is missing; None if they do not."""


def find_faults(image: Image.Image, data: bytes) -> Faults:
    """Return the faults of an image that Pillow has opened. May raise any exception if the file is damaged."""
    look = _LOOKS.get(image.format or "")
    return Faults() if look is None else look(image, data)


def _reaching(end: int, data: bytes) -> Faults:
    cut = f"its pixels reach to byte {end}, the file ends at byte {len(data)}"
    return Faults(cut if end > len(data) else None)


def _look_at_png(_: Image.Image, data: bytes) -> Faults:
    at, pixels = 8, False
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        pixels |= name == b"IDAT"
        if name == b"IEND" and at <= len(data):
            return Faults(None if pixels else "there is no chunk of pixels")
    return Faults("the end chunk is missing: the file was cut")


def _look_at_bmp(image: ImageFile.ImageFile, data: bytes) -> Faults:
    (header,) = struct.unpack_from("<I", data, 14)
    old = header == 12  # of OS/2, which has no compression
    (bits,), (compression,) = struct.unpack_from("<H", data, 24 if old else 28), struct.unpack_from("<I", data, 30)
    if not old and (compression == _RLE4 or (bits == 16 and compression == 0)):
        what = "compressed with 4 bits a pixel" if compression == _RLE4 else "of 16 bits a pixel without masks"
        return Faults(refused=f"a BMP {what} is not decoded")
    if not old and compression == _RLE8:
        return Faults()  # the end is known only from the pixels themselves
    row = (image.width * bits + 31) // 32 * 4
    last = image.width * 3 if bits == 24 else row  # some writers leave out the padding of the last row
    return _reaching(image.tile[0][2] + row * (image.height - 1) + last, data)


_RLE8, _RLE4 = 1, 2


def _look_at_ppm(image: ImageFile.ImageFile, data: bytes) -> Faults:
    if image.mode == "F":
        return Faults(refused="a PFM is not decoded")
    kind, begin, samples = data[:2], image.tile[0][2], image.width * image.height * len(image.getbands())
    if kind in (b"P1", b"P2", b"P3"):  # written as text
        there = len(data[begin:].split(None, samples)[:samples])
        return Faults(f"it has {there} of {samples} numbers" if there < samples else None)
    if kind == b"P4":
        return _reaching(begin + (image.width + 7) // 8 * image.height, data)
    numbers = re.sub(rb"#[^\r\n]*", b" ", data[2:begin]).split()
    return _reaching(begin + samples * (2 if int(numbers[2]) > 255 else 1), data)


_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR, _SAMPLE_FORMAT = 258, 259, 262, 277, 284, 339
_STRIPS, _ROWS, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_PALETTE, _SIGNED, _FLOAT = 3, 2, 3
_UNKNOWN_COMPRESSION = {34925: "LZMA", 50001: "WebP"}


def _look_at_tiff(image: Any, data: bytes) -> Faults:
    tags = image.tag_v2
    refused = _refused_tiff(tags)
    if refused is not None:
        return Faults(refused=refused)
    return _reaching(max((begin + size for begin, size in _blocks(tags, image.width, image.height)), default=0), data)


def _refused_tiff(tags: Any) -> str | None:
    compression = tags.get(_COMPRESSION, 1)
    if compression in _UNKNOWN_COMPRESSION:
        return f"a TIFF compressed by {_UNKNOWN_COMPRESSION[compression]} is not decoded"
    if _BITS not in tags:
        return "a TIFF that does not tell its bits per sample is not decoded"
    bits, kind = tags[_BITS][0], tags.get(_SAMPLE_FORMAT, (1,))[0]
    if bits in (2, 4) and tags.get(_PHOTOMETRIC) != _PALETTE:
        return f"a TIFF of {bits} bits per sample is not decoded"
    if kind == _SIGNED or (bits > 16 and kind != _FLOAT):
        return f"a TIFF of {bits}-bit integers{' with a sign' if kind == _SIGNED else ''} is not decoded"
    return None


def _blocks(tags: Any, width: int, height: int) -> Iterator[tuple[int, int]]:
    """Yield (byte offset, bytes) of each strip or tile."""
    tiled = _TILES in tags
    offsets = tags[_TILES if tiled else _STRIPS]
    counts = tags.get(_TILE_BYTES if tiled else _STRIP_BYTES)
    if tags.get(_COMPRESSION, 1) != 1:
        yield from zip(offsets, counts, strict=False)
        return
    # Sizes of uncompressed pixels follow from the image, and readers ignore the counts.
    columns, rows = (tags[_TILE_WIDTH], tags[_TILE_HEIGHT]) if tiled else (width, min(height, tags.get(_ROWS, height)))
    samples = 1 if tags.get(_PLANAR, 1) == 2 else tags.get(_SAMPLES, 1)
    line, each = (columns * samples * tags[_BITS][0] + 7) // 8, -(-height // rows)
    for number, begin in enumerate(offsets):
        size = line * (rows if tiled else min(rows, height - number % each * rows))
        yield begin, size if counts is None else min(size, counts[number])


_CODESTREAM, _TILE_PART, _END = b"\xff\x4f\xff\x51", b"\xff\x90", b"\xff\xd9"


def _look_at_jpeg2000(image: Image.Image, data: bytes) -> Faults:
    if image.mode in ("CMYK", "LA"):
        return Faults(refused=f"a JPEG 2000 with the channels {image.mode} is not decoded")
    # The lengths of the boxes around the pixels are not checked: readers ignore them.
    at = data.find(_TILE_PART, data.index(_CODESTREAM))
    while at >= 0 and data[at : at + 2] == _TILE_PART and at + 10 <= len(data):
        (length,) = struct.unpack_from(">I", data, at + 6)
        at = at + length if length else data.rfind(_END, at)  # 0: up to the end
    whole = at >= 0 and data[at : at + 2] == _END
    return Faults(None if whole else "its parts do not lead to an end marker: the file was cut")


_LOOKS: dict[str, Callable[[Any, bytes], Faults]] = {
    "PNG": _look_at_png,
    "BMP": _look_at_bmp,
    "PPM": _look_at_ppm,
    "TIFF": _look_at_tiff,
    "JPEG2000": _look_at_jpeg2000,
}
"""The check of each format. WEBP needs none: Pillow does not open truncated ones."""
