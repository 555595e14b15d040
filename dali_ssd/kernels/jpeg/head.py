"""The head of a progressive JPEG: everything before its scans, and the blocks that a region needs (ITU-T T.81, B).

Usual files are taken: 8 bits per sample; gray, or YCbCr with chroma whole, halved across, or halved across and down;
no restarts; no arithmetic coding. The rest is declined.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from dali_ssd.kernels.compile import kernel_function
from dali_ssd.records.format.jpeg_markers import APP0, APP14, APP15, COM, DHT, DQT, EOI, SOF2, SOI, SOS

__all__ = [
    "ACROSS",
    "BASE",
    "COLUMNS",
    "DOWN",
    "KEPT",
    "LEFT",
    "NATURAL",
    "RIGHT",
    "ROWS",
    "TOP",
    "WIDE",
    "Head",
    "read_head",
    "segment",
    "steps",
]

_MARGIN = 1
"""MCUs around the region that are kept: chroma is smoothed across their edges."""

NATURAL = np.array(
    [
        *(0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14),
        *(21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53),
        *(60, 61, 54, 47, 55, 62, 63),
    ]
)
"""Positions in a block, row by row, of the coefficients that a file has in zigzag order."""

Head = namedtuple("Head", "frame height width across down left right top bottom grids blocks kept tables")
"""Position of the frame header's body; pixels of the image; blocks across and down an MCU; the MCUs that are kept; a
grid for each component; how many blocks there are, and are kept; (components, 64) int16 to multiply coefficients by."""

ACROSS, DOWN, WIDE, COLUMNS, ROWS, LEFT, RIGHT, TOP, BASE, KEPT = range(10)
"""Columns of a head's `grids` (components, 10) int64, counted in blocks.

ACROSS and DOWN: in an MCU; WIDE: in a row of MCUs; COLUMNS and ROWS: those that the image reaches, down to the last row
that is needed; LEFT, RIGHT, TOP: the columns and the first row that are kept; BASE and KEPT: numbers of the component's
first block, and of its first kept block, in the arrays that hold all components'."""


@kernel_function
def segment(data, at):  # type: ignore[no-untyped-def]
    """Return the marker at byte `at`, begin and end of its segment's body; marker 0 if there is none, or not all."""
    while at + 1 < data.size and data[at] == 0xFF and data[at + 1] == 0xFF:
        at += 1  # fill bytes
    if at + 2 > data.size or data[at] != 0xFF:
        return 0, at, at
    marker = np.int64(data[at + 1])
    if marker == EOI:
        return marker, at + 2, at + 2
    if at + 4 > data.size:
        return 0, at, at
    length = _pair(data, at + 2)
    if length < 2 or at + 2 + length > data.size:
        return 0, at, at
    return marker, at + 4, at + 2 + length


@kernel_function
def steps(number, step):  # type: ignore[no-untyped-def]
    """Return `number / step`, rounded up."""
    return (number + step - 1) // step


@kernel_function
def read_head(data, region):  # type: ignore[no-untyped-def]
    """Return the head of a file, data (n,) uint8, for a region y x height width, and whether it is taken."""
    factors, tables, grids = np.zeros((4, 64), np.int16), np.zeros((3, 64), np.int16), np.zeros((3, 10), np.int64)
    none = Head(0, 0, 0, 1, 1, 0, 0, 0, 0, grids, 0, 0, tables)
    frame, declares_ycbcr = _find_frame(data, factors)
    if frame == 0 or _pair(data, frame - 2) < 2 + 6 or data[frame] != 8:
        return none, False
    height, width, count = _pair(data, frame + 1), _pair(data, frame + 3), np.int64(data[frame + 5])
    if (count != 1 and count != 3) or _pair(data, frame - 2) != 2 + 6 + 3 * count:
        return none, False
    across, down = _sampling(data, frame, count, declares_ycbcr)
    y, x, h, w = np.int64(region[0]), np.int64(region[1]), np.int64(region[2]), np.int64(region[3])
    inside = 0 <= y < y + h <= height and 0 <= x < x + w <= width
    # From two columns of chroma or fewer, libjpeg makes pixels in another way.
    if not inside or across == 0 or (across == 2 and width <= 4):
        return none, False
    left, right = _needed(x, w, width, 8 * across)
    top, bottom = _needed(y, h, height, 8 * down)
    blocks, kept = 0, 0
    for i in range(count):
        beside, below = (across, down) if i == 0 else (1, 1)
        columns, rows = steps(steps(width * beside, across), 8), steps(steps(height * below, down), 8)
        line = beside * steps(width, 8 * across)
        edges = beside * left, beside * right, below * top
        grids[i] = (beside, below, line, columns, min(rows, below * bottom), *edges, blocks, kept)
        blocks += line * below * bottom
        kept += beside * (right - left) * below * (bottom - top)
        number = data[frame + 8 + 3 * i]
        if number > 3 or factors[number].min() == 0:  # there is no such table
            return none, False
        tables[i] = factors[number]
    # Each block takes a bit at least: a header that claims more than its file can hold is not worth the memory.
    if blocks > 8 * data.size:
        return none, False
    return Head(frame, height, width, across, down, left, right, top, bottom, grids[:count], blocks, kept, tables), True


@kernel_function
def _pair(data, at):  # type: ignore[no-untyped-def]
    return np.int64(data[at]) << 8 | np.int64(data[at + 1])


@kernel_function
def _read_factors(tables, data, at, end):  # type: ignore[no-untyped-def]
    """Read a DQT segment's body data[at:end] into `tables` (4, 64) int16; return whether it is usual."""
    while at < end:
        number = data[at]
        if number > 3 or at + 65 > end:  # above 3: two bytes a factor, or no table
            return False
        for k in range(64):
            tables[number, NATURAL[k]] = data[at + 1 + k]
        at += 65
    return True


@kernel_function
def _begins(data, at, end, name):  # type: ignore[no-untyped-def]
    if end - at < len(name):
        return False
    for i in range(len(name)):
        if data[at + i] != name[i]:
            return False
    return True


@kernel_function
def _colors(data, marker, begin, end):  # type: ignore[no-untyped-def]
    """Return what a segment says of the colors: 1 that they are YCbCr, -1 that they are others, 0 nothing."""
    if marker == APP0 and end - begin >= 14 and _begins(data, begin, end, (0x4A, 0x46, 0x49, 0x46, 0)):  # JFIF
        return 1
    if marker == APP14 and end - begin >= 12 and _begins(data, begin, end, (0x41, 0x64, 0x6F, 0x62, 0x65)):  # Adobe
        return 1 if data[begin + 11] == 1 else -1
    return 0


@kernel_function
def _find_frame(data, tables):  # type: ignore[no-untyped-def]
    """Return where the frame header's body begins, and whether the colors are declared to be YCbCr.

    Fills `tables` with the factors on the way. 0 if the file is not progressive, or one of the segments is not usual.
    """
    if data.size < 4 or data[0] != 0xFF or data[1] != SOI:
        return 0, False
    at, frame, declares_ycbcr = 2, 0, False
    while True:
        marker, begin, end = segment(data, at)
        if marker == SOS:
            return frame, declares_ycbcr
        colors = _colors(data, marker, begin, end)
        if colors < 0 or (marker == DQT and not _read_factors(tables, data, begin, end)):
            return 0, False
        if marker == SOF2 and frame == 0:
            frame = begin
        elif marker not in (DHT, DQT, COM) and not APP0 <= marker <= APP15:
            return 0, False
        declares_ycbcr |= colors > 0
        at = end


@kernel_function
def _sampling(data, frame, count, declares_ycbcr):  # type: ignore[no-untyped-def]
    """Return the blocks across and down an MCU; 0, 0 if they are not usual."""
    across, down = np.int64(data[frame + 7]) >> 4, np.int64(data[frame + 7]) & 15
    if count == 1:  # nothing to be interleaved with, whatever the header says
        return (1, 1) if 1 <= across <= 4 and 1 <= down <= 4 else (0, 0)
    chroma_whole = data[frame + 10] == 0x11 and data[frame + 13] == 0x11
    counted = data[frame + 6] == 1 and data[frame + 9] == 2 and data[frame + 12] == 3
    usual = (across == 1 or across == 2) and (down == 1 or (down == 2 and across == 2))
    return (across, down) if chroma_whole and usual and (declares_ycbcr or counted) else (0, 0)


@kernel_function
def _needed(begin, length, side, mcu):  # type: ignore[no-untyped-def]
    """Return the first MCU that is kept, and the one after the last, for pixels of a side of the image."""
    return max(begin // mcu - _MARGIN, 0), min(steps(begin + length, mcu) + _MARGIN, steps(side, mcu))
