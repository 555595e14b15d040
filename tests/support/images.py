"""Images that are no JPEGs: whole, cut, and of kinds that decoders refuse."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tests.support.records import encoded

__all__ = ["CUT", "REFUSED", "WHOLE", "bmp"]


def tiff(bits: int = 8, samples: int = 3, photometric: int = 2, **options: Any) -> bytes:
    """A TIFF of 40x30, its pixels last. `tags`: other values, None for no such tag; offsets count from the pixels."""
    pixels: bytes = options.get("pixels", bytes((40 * bits * samples + 7) // 8 * 30))
    tags: dict[int, Sequence[int] | None] = {
        256: [40], 257: [30], 258: [bits] * samples, 259: [1], 262: [photometric], 273: [0], 277: [samples],
        278: [30], 279: [len(pixels)],
    }  # fmt: skip
    tags |= options.get("tags", {})
    present = [(number, values) for number, values in sorted(tags.items()) if values is not None]
    sizes = [(4 if number in LONG else 2) * len(values) for number, values in present]
    at, behind = 8 + 2 + 12 * len(present) + 4, b""
    begin, table = at + sum(size for size in sizes if size > 4), struct.pack("<H", len(present))
    for number, values in present:
        shift = begin if number in OFFSETS else 0
        raw = struct.pack(f"<{len(values)}{'I' if number in LONG else 'H'}", *(value + shift for value in values))
        table += struct.pack("<HHI", number, 4 if number in LONG else 3, len(values))
        table += raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack("<I", at + len(behind))
        behind += raw if len(raw) > 4 else b""
    return b"II*\0" + struct.pack("<I", 8) + table + bytes(4) + behind + pixels


OFFSETS = (273, 324)
LONG = (*OFFSETS, 279, 325)


def bmp(bits: int, compression: int = 0, width: int = 40, size: int | None = None, between: bytes = b"") -> bytes:
    """A BMP 30 pixels high, with `between` its header and its pixels, `size` bytes of them."""
    rows = (width * bits + 31) // 32 * 4 * 30
    head = struct.pack("<IHHI", 0, 0, 0, 54 + len(between))
    head += struct.pack("<IiiHHIIiiII", 40, width, 30, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + head + between + bytes(rows if size is None else size)


def saved(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    Image.fromarray(noise).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def png(*names: bytes) -> bytes:
    """The chunks of these names from a PNG."""
    data, at, chunks = encoded("PNG"), 8, b""
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        chunks += data[at : at + 12 + length] if name in names else b""
        at += 12 + length
    return data[:8] + chunks


def with_part_length(length: int) -> bytes:
    """A JPEG 2000 whose only part has this length in its head."""
    data = saved("JPEG2000", no_jp2=True)
    at = data.index(b"\xff\x90")
    return data[: at + 6] + struct.pack(">I", length) + data[at + 10 :]


DEFLATED = zlib.compress(np.random.default_rng(0).integers(0, 255, 3600, np.uint8).tobytes())
MASKS = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
TILES = {273: None, 278: None, 279: None, 322: [16], 323: [16]}
TILES |= {324: [768 * number for number in range(6)], 325: [768] * 6}
P6 = b"P6 #a comment\n40 30\n255\n"

WHOLE: Mapping[str, bytes] = {
    **{kind: encoded(kind) for kind in ("PNG", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")},
    **{f"{kind} and more": encoded(kind) + b"garbage" for kind in ("PNG", "BMP", "PPM", "JPEG2000")},
    **{f"PNG {mode}": encoded("PNG", mode) for mode in ("1", "L", "P", "RGBA", "LA")},
    **{f"TIFF {mode}": encoded("TIFF", mode) for mode in ("L", "P", "F", "CMYK", "RGBA")},
    **{f"TIFF {by}": saved("TIFF", compression=by) for by in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg", "zstd")},
    **{f"TIFF 1 {by}": saved("TIFF", "1", compression=by) for by in ("group3", "group4", "tiff_lzw")},
    "TIFF 1 bit": tiff(1, 1, 1),
    "TIFF 4 bit palette": tiff(4, 1, 3, tags={320: list(range(48))}),
    "TIFF 16 bit": tiff(16),
    "TIFF without counts": tiff(tags={279: None}),
    "TIFF with too large a count": tiff(tags={279: [99999]}),
    "TIFF with one row a strip": tiff(tags={278: [1], 273: [120 * i for i in range(30)], 279: [120] * 30}),
    "TIFF of planes": tiff(tags={284: [2], 273: [0, 1200, 2400], 279: [1200] * 3}),
    "TIFF of tiles": tiff(pixels=bytes(6 * 768), tags=TILES),
    "TIFF of many pages": saved("TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))]),
    "BMP 1": bmp(1, between=bytes(8)),
    "BMP 8": bmp(8, between=bytes(1024)),
    "BMP 16 masks": bmp(16, 3, between=MASKS),
    "BMP 32": bmp(32),
    "BMP without its last filling": bmp(24, width=41, size=124 * 30 - 1),
    "BMP run lengths": bmp(8, 1, between=bytes(1024), size=0) + b"\x28\7\0\0" * 30 + b"\0\1",
    "PPM comment": P6 + bytes(3600),
    "PPM gray": b"P5 40 30 255\n" + bytes(1200),
    "PPM 16 bit": b"P6 40 30 65535\n" + bytes(7200),
    "PPM bits": b"P4 41 30\n" + bytes(180),
    "PPM text": b"P3 40 30 255\n" + b"1 2 3 " * 1200,
    "JPEG2000 bare": saved("JPEG2000", no_jp2=True),
    "JPEG2000 tiles": saved("JPEG2000", tile_size=(16, 16)),
    "JPEG2000 gray": encoded("JPEG2000", "L"),
    "JPEG2000 open end": with_part_length(0),
}
"""What is taken, and decoded."""

CUT: Mapping[str, bytes] = {
    **{
        f"{name} -{count}": WHOLE[name][:-count]
        for name in ("PNG", "BMP", "TIFF", "PPM", "JPEG2000", "JPEG2000 bare", "JPEG2000 tiles", "JPEG2000 open end")
        for count in (1, 4, 100, 800)
    },
    **{
        f"{name} -1": WHOLE[name][:-1]
        for name in ("BMP 1", "BMP 8", "BMP 16 masks", "PPM comment", "PPM gray", "PPM 16 bit", "PPM bits")
    },
    "PPM text": b"P3 40 30 255\n" + b"1 2 3 " * 1199,
    "PNG without pixels": png(b"IHDR", b"IEND"),
    "PNG without end": png(b"IHDR", b"IDAT"),
    "TIFF deflate": tiff(pixels=DEFLATED, tags={259: [8], 279: [999999]}),
    "TIFF strips": tiff(pixels=bytes(1000), tags={279: [3600]}),
    "TIFF of tiles -1": tiff(pixels=bytes(6 * 768 - 1), tags=TILES),
    "JPEG2000 too long": with_part_length(99999),
    "JPEG2000 too short": with_part_length(500),
}
"""What is refused as cut, by decoders as well."""

REFUSED: Mapping[str, bytes] = {
    "TIFF lzma": saved("TIFF", compression="lzma"),
    "TIFF webp": tiff(pixels=encoded("WEBP"), tags={259: [50001]}),
    "TIFF 1 bit as Pillow writes it": encoded("TIFF", "1"),
    "TIFF 2 bit": tiff(2, 1, 1),
    "TIFF 4 bit": tiff(4, 1, 1),
    "TIFF 32 bit": tiff(32, 1, 1),
    "TIFF signed": tiff(8, 1, 1, tags={339: [2]}),
    "BMP 16": bmp(16),
    "BMP run lengths of 4 bits": bmp(4, 2, between=bytes(64)),
    "PFM": b"Pf\n40 30\n-1.0\n" + bytes(4800),
    "JPEG2000 LA": encoded("JPEG2000", "LA"),
    "JPEG2000 CMYK": encoded("JPEG2000", "CMYK"),
}
"""What is whole, and of a kind that decoders refuse."""
