"""Coefficients from a scan's bits (ITU-T T.81, G.1.2): the kept blocks' values, and which of all blocks' are not 0."""

from __future__ import annotations

import numpy as np

from dali_ssd.kernels.compile import kernel_function
from dali_ssd.kernels.jpeg.bits import SURE, count_ones, deposit, reverse, shift_right, trailing_zeros, word_at
from dali_ssd.kernels.jpeg.head import (
    ACROSS,
    BASE,
    COLUMNS,
    DOWN,
    KEPT,
    LEFT,
    NATURAL,
    RIGHT,
    ROWS,
    TOP,
    WIDE,
)
from dali_ssd.kernels.jpeg.huffman import next_symbol

__all__ = ["ROOM", "TOP_SHIFT", "first_ac", "read_dc", "refine_ac"]

ROOM = 512
"""Bytes that may be read behind a scan's bits: the end is checked once per AC block or DC MCU, which have fewer."""
_LONGEST = 32
"""Bits of the longest symbol and of the number that follows it."""
_TOP_SIZE, _TOP_DIFFERENCE = 10, 11
"""Bits of the largest AC coefficient of 8-bit samples, and of the largest step from DC to DC."""
_TOP = 8192
"""More than any coefficient of 8-bit samples can be, factor included, and small enough for libjpeg's 16 bits."""
TOP_SHIFT = 5
"""The highest bit that a scan may begin with, so that what a later one adds is below `_TOP` for any factor (255)."""


@kernel_function
def read_dc(bits, limit, scan, tables, values, head):  # type: ignore[no-untyped-def]
    """Read DC of one or more components (G.1.2.1) from the first `limit` bits; return whether they are sound."""
    grids, mcu = head.grids, _mcu(scan, head.grids)
    rows, columns = _mcus(scan, head)
    at, before = 0, np.zeros(3, np.int64)
    for row in range(rows):
        for column in range(columns):
            if at > limit:
                return False
            for b in range(mcu.shape[0]):
                i, component = mcu[b, 0], mcu[b, 1]
                slot = _slot(grids, component, row * mcu[b, 3] + mcu[b, 4], column * mcu[b, 2] + mcu[b, 5])
                word = word_at(bits, at)
                if not scan.first:
                    at += 1
                    if slot >= 0 and word < 0:
                        values[slot] |= 1 << scan.shift
                    continue
                size, length = next_symbol(tables, scan.dc_tables[i], word)
                if size > _TOP_DIFFERENCE:
                    return False
                before[i] += _signed(word << length, size)
                at += length + size
                if abs(before[i] << scan.shift) * head.tables[component, 0] >= _TOP:
                    return False
                if slot >= 0:
                    values[slot] = before[i] << scan.shift
    return at <= limit


@kernel_function
def first_ac(bits, limit, scan, tables, masks, values, head):  # type: ignore[no-untyped-def]
    """Read a component's first scan of AC (G.1.2.2) from the first `limit` bits; return whether they are sound."""
    at, run, component, grids, factors = 0, 0, scan.components[0], head.grids, head.tables
    for row in range(grids[component, ROWS]):
        for column in range(grids[component, COLUMNS]):
            if run > 0:
                run -= 1
                continue
            if at > limit:
                return False
            block = grids[component, BASE] + row * grids[component, WIDE] + column
            slot, mask, k = _slot(grids, component, row, column), masks[block], scan.low
            while k <= scan.high:
                word = word_at(bits, at)
                symbol, length = next_symbol(tables, scan.ac_table, word)
                zeros, size = symbol >> 4, symbol & 15
                word <<= length
                if size == 0 and zeros < 15:
                    run = _run(word, zeros) - 1
                    at += length + zeros
                    break
                at += length + size
                k += zeros
                power = size + scan.shift
                if k > scan.high or power > _TOP_SIZE or factors[component, NATURAL[k]] << power > _TOP:
                    return False
                if size > 0:
                    mask |= 1 << k
                    if slot >= 0:
                        values[slot + NATURAL[k]] = _signed(word, size) << scan.shift
                k += 1
            masks[block] = mask
    return at <= limit


@kernel_function
def refine_ac(bits, limit, scan, tables, masks, values, head):  # type: ignore[no-untyped-def]  # noqa: C901
    """Read one more bit of a component's AC (G.1.2.3) from the first `limit` bits; return whether they are sound.

    A symbol skips some coefficients that are 0 so far, up to one that becomes nonzero. The nonzero ones on the way have
    a correction bit each, after the symbol.
    """
    # One function, since half of all time is spent here: with a function per block it took 1.2 times as long.
    at, run, step = 0, 0, 1 << scan.shift
    component, grids = scan.components[0], head.grids
    for row in range(grids[component, ROWS]):
        for column in range(grids[component, COLUMNS]):
            if at > limit:
                return False
            block = grids[component, BASE] + row * grids[component, WIDE] + column
            slot, mask, k = _slot(grids, component, row, column), masks[block], scan.low
            raised, word, left = 0, 0, 0
            while run == 0 and k <= scan.high:
                if left < _LONGEST:
                    word, left = word_at(bits, at), SURE
                symbol, length = next_symbol(tables, scan.ac_table, word)
                zeros, size = symbol >> 4, symbol & 15
                word <<= length
                if size == 0 and zeros < 15:
                    run = _run(word, zeros)
                    at += length + zeros
                    break
                found = trailing_zeros(deposit(1 << zeros, ~mask & (-1 << k)))
                if found > scan.high or size > 1:
                    return False
                if slot >= 0 and size == 1:
                    values[slot + NATURAL[found]] = step if word < 0 else -step
                number = found - k - zeros
                word <<= size
                at += length + size
                left -= length + size + number
                if slot >= 0:
                    refined = mask & (-1 << k) & ((1 << found) - 1)
                    raised |= deposit(reverse(word), refined) if left >= 0 else _corrections(bits, at, refined)
                word <<= number
                at += number
                mask |= size << found
                k = found + 1
            masks[block] = mask
            if run > 0:
                run -= 1
                refined = mask & (-1 << k) & ((2 << scan.high) - 1)
                if slot >= 0:
                    raised |= _corrections(bits, at, refined)
                at += count_ones(refined)
            _raise(values, slot, raised, step)
    return at <= limit


@kernel_function
def _slot(grids, component, row, column):  # type: ignore[no-untyped-def]
    """Return where a kept block's coefficients begin; -1 if the block is not kept."""
    left, right, top = grids[component, LEFT], grids[component, RIGHT], grids[component, TOP]
    if row < top or column < left or column >= right:
        return -1
    return 64 * (grids[component, KEPT] + (row - top) * (right - left) + column - left)


@kernel_function
def _signed(word, size):  # type: ignore[no-untyped-def]
    """Return the number that the first `size` bits of a word stand for (F.2.2.1, EXTEND); 0 for size 0."""
    if size == 0:
        return 0
    value = shift_right(word, 64 - size)
    return value if word < 0 else value - (1 << size) + 1


@kernel_function
def _run(word, size):  # type: ignore[no-untyped-def]
    """Return how many blocks end here, by the `size` bits after the symbol (G.1.2.2, EOBn)."""
    return (1 << size) + (shift_right(word, 64 - size) if size > 0 else 0)


@kernel_function
def _mcu(scan, grids):  # type: ignore[no-untyped-def]
    """Return an MCU's blocks in order, (n, 6) int64: place in the scan, component, blocks across, down, row, column.

    A scan of one component has single blocks, without those that only fill up MCUs.
    """
    if scan.count == 1:
        return np.array([[0, scan.components[0], 1, 1, 0, 0]])
    blocks = [
        [i, scan.components[i], grids[scan.components[i], ACROSS], grids[scan.components[i], DOWN], row, column]
        for i in range(scan.count)
        for row in range(grids[scan.components[i], DOWN])
        for column in range(grids[scan.components[i], ACROSS])
    ]
    return np.array(blocks)


@kernel_function
def _mcus(scan, head):  # type: ignore[no-untyped-def]
    """Return how many rows of MCUs are needed, and how many MCUs each has."""
    component = scan.components[0]
    if scan.count == 1:
        return head.grids[component, ROWS], head.grids[component, COLUMNS]
    return head.bottom, head.grids[component, WIDE] // head.grids[component, ACROSS]


@kernel_function
def _corrections(bits, at, refined):  # type: ignore[no-untyped-def]
    """Return the bits from `at` on, one for each place of `refined`, at these places."""
    if count_ones(refined) <= SURE:
        return deposit(reverse(word_at(bits, at)), refined)
    found = 0
    while refined != 0:
        if word_at(bits, at) < 0:
            found |= refined & -refined
        refined &= refined - 1
        at += 1
    return found


@kernel_function
def _raise(values, slot, raised, step):  # type: ignore[no-untyped-def]
    """Move some coefficients of a block a step further from 0."""
    while raised != 0:
        place = slot + NATURAL[trailing_zeros(raised)]
        values[place] += step if values[place] > 0 else -step
        raised &= raised - 1
