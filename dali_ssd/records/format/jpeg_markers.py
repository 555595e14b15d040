"""The skeleton of a JPEG: its markers, without decoding a pixel."""

from __future__ import annotations

import re
from typing import NamedTuple

from dali_ssd.records.format.jpeg_head import FRAMES, PROGRESSIVE, Head

__all__ = ["Jpeg", "read_jpeg", "without_stray"]

_SIGNATURE = b"\xff\xd8\xff"
_START, _START_OF_SCAN, _END, _APP1 = 0xD8, 0xDA, 0xD9, 0xE1
_ALONE = frozenset([0x00, 0x01, *range(0xD0, 0xD8)])
"""Markers without a length that have no business in a head: TEM, the restarts; and the zero that escapes 0xFF."""


_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)
"""A marker among a scan's pixels that ends the scan: none of those alone, which are skipped there."""


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
    """What is missing: head, size, start of pixels and end have to be there."""
    refused: str | None = None
    """Why decoders refuse what is there; the first reason."""
    stray: tuple[tuple[int, int], ...] = ()
    """(first, end) of bytes between segments that belong to none. OpenCV passes over them, DALI refuses the image."""


def read_jpeg(data: bytes) -> Jpeg | None:
    """Markers of a JPEG file, None if it does not begin as one."""
    if not data.startswith(_SIGNATURE):
        return None
    found, head, at = Jpeg(), Head(), 2
    while True:
        begin = data.find(b"\xff", at)
        if begin < 0 or begin + 4 > len(data):
            return found._replace(fault="the file ends in its head, before any pixels")
        if begin > at:
            found = found._replace(stray=(*found.stray, (at, begin)))
        marker, at = data[begin + 1], begin
        if marker == 0xFF:  # any number of these may stand before a marker
            at += 1
        elif marker in _ALONE:
            at += 2
            found = found._replace(stray=(*found.stray, (begin, at)))
        elif marker == _START:
            at += 2
            found = _refuse(found, "it begins twice")
        elif marker == _END:
            return found._replace(fault="the end marker comes before any pixels")
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
            body = data[begin + 4 : at]
            found = _refuse(_read_segment(found, marker, body), head.refusal(marker, body))
            if marker == _START_OF_SCAN:
                found = found._replace(fault=_scan_fault(data, begin, found))
                return _refuse(found, _later_refusal(data, at, head)) if head.several_scans else found


def without_stray(data: bytes) -> bytes:
    """Return a JPEG file without the bytes in its head that belong to no segment; other files as they are."""
    found = read_jpeg(data)
    for first, end in reversed(found.stray if found is not None else ()):
        data = data[:first] + data[end:]
    return data


def _refuse(found: Jpeg, reason: str | None) -> Jpeg:
    return found._replace(refused=reason) if reason is not None and found.refused is None else found


def _read_segment(found: Jpeg, marker: int, body: bytes) -> Jpeg:
    if marker in FRAMES and len(body) >= 6 and not found.width:
        height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        return found._replace(width=width, height=height, components=body[5], progressive=marker == PROGRESSIVE)
    if marker == _APP1 and body.startswith(b"Exif\0\0") and not found.exif:
        return found._replace(exif=body)
    return found


def _later_refusal(data: bytes, at: int, head: Head) -> str | None:
    """Why a decoder refuses what stands between the scans; `at`: where the first scan's pixels begin."""
    reason = None
    while reason is None and (mark := _MARKER.search(data, at)) and (marker := mark[0][1]) != _END:
        if marker == _START:
            return "it begins twice"
        at = mark.end() + max(2, int.from_bytes(data[mark.end() : mark.end() + 2], "big"))
        reason = head.refusal(marker, data[mark.end() + 2 : at])
    return reason


def _scan_fault(data: bytes, at: int, found: Jpeg) -> str | None:
    if not (found.width and found.height):
        return "pixels begin before the image's size is given"
    return None if data.rfind(b"\xff\xd9", at) >= 0 else "the end marker is missing: the file was cut"
