"""The markers of a JPEG (ITU-T T.81, table B.1), and the walk over the segments that they begin.

`kernels/jpeg/head.py` uses the same codes but has its own walk, since it is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = [
    "APP0",
    "APP1",
    "APP14",
    "APP15",
    "COM",
    "DAC",
    "DHT",
    "DNL",
    "DQT",
    "DRI",
    "EOI",
    "SIGNATURE",
    "SOF0",
    "SOF1",
    "SOF2",
    "SOF9",
    "SOF10",
    "SOI",
    "SOS",
    "Segment",
    "segments",
    "stray_bytes",
]

SOF0, SOF1, SOF2, SOF9, SOF10 = 0xC0, 0xC1, 0xC2, 0xC9, 0xCA
DHT, DAC, SOI, EOI, SOS, DQT, DNL, DRI = 0xC4, 0xCC, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD
APP0, APP1, APP14, APP15, COM = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE

SIGNATURE = b"\xff\xd8\xff"
"""The first bytes of a JPEG file: the start marker and half of the next."""

# No segment begins with 0xFF and one of: 0, which marks the 0xFF as pixels; TEM (1) and the restarts (0xD0 to 0xD7),
# which have no length; 0xFF, since any number of them may come before a marker.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)
_STRAY = re.compile(rb"(?:[^\xff]|\xff[\x00\x01\xd0-\xd7])+", re.DOTALL)


class Segment(NamedTuple):
    """One segment. Its end may lie beyond that of the file."""

    marker: int
    previous: int
    """Byte where the previous segment ends; in between are pixels, fill bytes or stray bytes."""
    begin: int
    """Byte of its marker."""
    end: int
    body: bytes
    """The bytes after the length; empty for SOI and EOI, which have no length."""


def segments(data: bytes, at: int) -> Iterator[Segment]:
    """Yield the segments that begin at byte `at` or later, those between scans included."""
    size = len(data)
    while found := _MARKER.search(data, at):
        begin = found.start()
        marker, end = data[begin + 1], begin + 2
        if marker not in (SOI, EOI):
            length = data[end] << 8 | data[end + 1] if end + 2 <= size else 0
            end += length if length > 2 else 2
        yield Segment(marker, at, begin, end, data[begin + 4 : end])
        at = end


def stray_bytes(data: bytes, segment: Segment) -> list[tuple[int, int]]:
    """Return (first, end) of the bytes before a segment that are neither the previous one's nor fill bytes."""
    return [found.span() for found in _STRAY.finditer(data, segment.previous, segment.begin)]
