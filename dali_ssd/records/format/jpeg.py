"""Reading the markers of a JPEG without decoding its pixels."""

from __future__ import annotations

from typing import NamedTuple

from dali_ssd.records.format.jpeg_head import FRAMES, Head
from dali_ssd.records.format.jpeg_markers import APP1, EOI, SIGNATURE, SOF2, SOI, SOS, segments, stray_bytes

__all__ = ["Jpeg", "read_jpeg", "without_stray"]


class Jpeg(NamedTuple):
    """The content of the markers. Size and components are 0 if no marker has them."""

    width: int = 0
    height: int = 0
    components: int = 0
    """1 gray, 3 color, 4 CMYK."""
    progressive: bool = False
    """Whether the image is stored in passes over all of it, not from top to bottom."""
    exif: bytes = b""
    fault: str | None = None
    """Which of head, size, start of the pixels and end marker is missing; None if none."""
    refused: str | None = None
    """The first reason why decoders refuse the image; None if they do not."""
    stray: tuple[tuple[int, int], ...] = ()
    """(first, end) of bytes between segments that belong to none. OpenCV skips them, DALI refuses the image."""


def read_jpeg(data: bytes) -> Jpeg | None:
    """Return the content of a JPEG file's markers, or None if the data does not begin as a JPEG."""
    if not data.startswith(SIGNATURE):
        return None
    found, head = Jpeg(), Head()
    for segment in segments(data, 2):
        marker, previous, begin, end, body = segment
        if begin + 4 > len(data):
            break
        if previous < begin:
            found = found._replace(stray=(*found.stray, *stray_bytes(data, segment)))
        if marker == SOI:
            found = _refuse(found, "it begins twice")
        elif marker == EOI:
            return found._replace(fault="the end marker comes before any pixels")
        else:
            found = _refuse(_read_segment(found, marker, body), head.refusal(marker, body))
        if marker == SOS:
            found = found._replace(fault=_scan_fault(data, begin, found))
            return _refuse(found, _later_refusal(data, end, head)) if head.several_scans else found
    return found._replace(fault="the file ends in its head, before any pixels")


def without_stray(data: bytes) -> bytes:
    """Return a JPEG file without the bytes in its head that belong to no segment; other files unchanged."""
    found = read_jpeg(data)
    for first, end in reversed(found.stray if found is not None else ()):
        data = data[:first] + data[end:]
    return data


def _refuse(found: Jpeg, reason: str | None) -> Jpeg:
    return found._replace(refused=reason) if reason is not None and found.refused is None else found


def _read_segment(found: Jpeg, marker: int, body: bytes) -> Jpeg:
    if marker in FRAMES and len(body) >= 6 and not found.width:
        height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        return found._replace(width=width, height=height, components=body[5], progressive=marker == SOF2)
    if marker == APP1 and body.startswith(b"Exif\0\0") and not found.exif:
        return found._replace(exif=body)
    return found


def _later_refusal(data: bytes, at: int, head: Head) -> str | None:
    """Return why a decoder refuses the segments between scans, or None; `at` is where the first scan's pixels begin."""
    for marker, _, _, _, body in segments(data, at):
        if marker == EOI:
            return None
        reason = "it begins twice" if marker == SOI else head.refusal(marker, body)
        if reason is not None:
            return reason
    return None


def _scan_fault(data: bytes, at: int, found: Jpeg) -> str | None:
    if not (found.width and found.height):
        return "pixels begin before the image's size is given"
    return None if data.rfind(b"\xff\xd9", at) >= 0 else "the end marker is missing: the file was cut"
