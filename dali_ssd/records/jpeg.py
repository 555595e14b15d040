"""The skeleton of a JPEG: its markers, without decoding a pixel."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Jpeg", "read_jpeg"]

_SIGNATURE = b"\xff\xd8\xff"
_START_OF_SCAN, _END, _APP1, _PROGRESSIVE = 0xDA, 0xD9, 0xE1, 0xC2
_ALONE = frozenset([0x00, 0x01, 0xD8, *range(0xD0, 0xD8)])
"""Markers without a length: TEM, SOI, the restarts; and the zero that escapes 0xFF in pixel data."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers that announce size and components; the other three among them are tables."""


class Jpeg(NamedTuple):
    """What the markers tell. Size and components are 0 where none announces them."""

    width: int = 0
    height: int = 0
    components: int = 0
    """1 gray, 3 color, 4 CMYK."""
    progressive: bool = False
    """Whether the image comes in passes over all of it, and not from top to bottom."""
    exif: bytes = b""
    fault: str | None = None
    """What is wrong with the markers: head, size, start of pixels and end have to be there."""


def read_jpeg(data: bytes) -> Jpeg | None:
    """Markers of a JPEG file, None if it does not begin as one. Bytes between segments are skipped, as decoders do."""
    if not data.startswith(_SIGNATURE):
        return None
    found, at = Jpeg(), 2
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            return found._replace(fault="the file ends in its head, before any pixels")
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == _END:
            return found._replace(fault="the end marker comes before any pixels")
        if marker == _START_OF_SCAN:
            return found._replace(fault=_scan_fault(data, at, found))
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found = _read_segment(found, marker, data[at + 4 : at + 2 + length])
        at += 2 + length


def _read_segment(found: Jpeg, marker: int, body: bytes) -> Jpeg:
    if marker in _FRAMES and len(body) >= 6 and not found.width:
        height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        return found._replace(width=width, height=height, components=body[5], progressive=marker == _PROGRESSIVE)
    if marker == _APP1 and body.startswith(b"Exif\0\0") and not found.exif:
        return found._replace(exif=body)
    return found


def _scan_fault(data: bytes, at: int, found: Jpeg) -> str | None:
    if not (found.width and found.height):
        return "pixels begin before the image's size is given"
    return None if data.rfind(b"\xff\xd9", at) >= 0 else "the end marker is missing: the file was cut"
