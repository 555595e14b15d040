"""The scans of a progressive JPEG, one after the other, as far down as they are needed (ITU-T T.81, B.2.3 and G.1)."""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from dali_ssd.kernels.compile import kernel_function
from dali_ssd.kernels.jpeg.bits import has_full, load_word, store_word
from dali_ssd.kernels.jpeg.coefficients import ROOM, TOP_SHIFT, first_ac, read_dc, refine_ac
from dali_ssd.kernels.jpeg.head import segment
from dali_ssd.kernels.jpeg.huffman import TABLE_SIZE, read_tables
from dali_ssd.records.format.jpeg_markers import DHT, EOI, SOS

__all__ = ["read_scans"]

Scan = namedtuple("Scan", "count components dc_tables ac_table low high shift first")
"""Numbers of the components and of their tables; coefficients low..high in zigzag order; which bit of them, and whether
it is their first."""


@kernel_function
def read_scans(data, head):  # type: ignore[no-untyped-def]
    """Read the coefficients of a file, data (n,) uint8, with this head.

    Returns (64 x kept,) int16, each block's row by row, and whether the file is sound, as far down as it is needed. All
    coefficients must be complete, to the last bit, since libjpeg smooths an image that lacks some.
    """
    masks, values = np.zeros(head.blocks, np.int64), np.zeros(64 * head.kept, np.int16)
    tables = np.zeros((8, TABLE_SIZE), np.int32)
    progress = np.full((head.grids.shape[0], 64), -1, np.int8)
    bits = np.empty(data.size + ROOM, np.uint8)
    at, begun = 2, False
    while True:
        marker, begin, end = segment(data, at)
        if marker == EOI:
            return values, progress.min() == 0 and progress.max() == 0
        # Between scans, factors or restarts could change; before them, the head was read.
        if marker == 0 or (begun and marker != DHT and marker != SOS):
            return values, False
        if marker == DHT and not read_tables(tables, data, begin, end):
            return values, False
        at = end
        if marker == SOS:
            scan, sound = _read_scan(data, begin, end, head.frame, head.grids.shape[0])
            if not sound or not _is_next(progress, scan):
                return values, False
            size, at = _unstuff(bits, data, end)
            bits[size : size + ROOM] = 0
            if scan.low == 0:
                sound = read_dc(bits, 8 * size, scan, tables, values, head)
            elif scan.first:
                sound = first_ac(bits, 8 * size, scan, tables, masks, values, head)
            else:
                sound = refine_ac(bits, 8 * size, scan, tables, masks, values, head)
            if not sound:
                return values, False
            begun = True


@kernel_function
def _unstuff(bits, data, at):  # type: ignore[no-untyped-def]
    """Copy a scan's bits without the zeros after each 0xFF; return the number of bytes and the next marker's place."""
    size = 0
    while at < data.size:
        if at + 8 <= data.size:
            word = load_word(data, at)
            if not has_full(word):
                store_word(bits, size, word)
                size += 8
                at += 8
                continue
        stop = min(at + 8, data.size)
        while at < stop:
            bits[size] = data[at]
            if data[at] == 0xFF:
                if at + 1 >= data.size or data[at + 1] != 0:
                    return size, at
                at += 1
            size += 1
            at += 1
    return size, at


@kernel_function
def _read_scan(data, at, end, frame, total):  # type: ignore[no-untyped-def]
    """Return the scan with header body data[at:end], of a frame of `total` components, and whether it is valid."""
    components, dc_tables = np.zeros(3, np.int64), np.zeros(3, np.int64)
    count = np.int64(data[at]) if end > at else 0
    if not 1 <= count <= total or end - at != 4 + 2 * count:
        return Scan(0, components, dc_tables, 0, 0, 0, 0, False), False
    for i in range(count):
        number = 0
        while number < total and data[frame + 6 + 3 * number] != data[at + 1 + 2 * i]:
            number += 1
        if number == total or (i > 0 and number <= components[i - 1]) or data[at + 2 + 2 * i] >> 4 > 3:
            return Scan(0, components, dc_tables, 0, 0, 0, 0, False), False
        components[i], dc_tables[i] = number, data[at + 2 + 2 * i] >> 4
    low, high = np.int64(data[end - 3]), np.int64(data[end - 2])
    bits, ac_table = np.int64(data[end - 1]), 4 + (np.int64(data[at + 2]) & 15)
    before, shift = bits >> 4, bits & 15
    alone = high == 0 if low == 0 else count == 1  # DC comes without AC, and AC of one component
    sound = low <= high <= 63 and alone and ac_table <= 7 and shift <= TOP_SHIFT and before in (0, shift + 1)
    return Scan(count, components, dc_tables, ac_table, low, high, shift, before == 0), sound


@kernel_function
def _is_next(progress, scan):  # type: ignore[no-untyped-def]
    """Note a scan's bits in `progress` (components, 64) int8, the last bit so far or -1; return whether it fits."""
    for i in range(scan.count):
        mine = progress[scan.components[i]]
        if scan.low > 0 and mine[0] < 0:
            return False
        for k in range(scan.low, scan.high + 1):
            if mine[k] != (-1 if scan.first else scan.shift + 1):
                return False
            mine[k] = scan.shift
    return True
