"""Huffman tables of a file, and symbols read by them (ITU-T T.81, C and F.2.2.3)."""

from __future__ import annotations

import numpy as np

from dali_ssd.kernels.compile import kernel_function
from dali_ssd.kernels.jpeg.bits import shift_right

__all__ = ["TABLE_SIZE", "next_symbol", "read_tables"]

_LONGEST = 16
_QUICK = 10
"""Bits of the longest code of all, and of the longest that is looked up in one step."""
_LIMITS = 1 << _QUICK
_OFFSETS = _LIMITS + _LONGEST + 1
_SYMBOLS = _OFFSETS + _LONGEST + 1
TABLE_SIZE = _SYMBOLS + 256
"""A table holds `symbol << 8 | length` for each beginning of `_QUICK` bits, 0 if the code is longer; for each length
the first number that is not a code, and what to add to a code to find its symbol; then the symbols."""


@kernel_function
def read_tables(tables, data, at, end):  # type: ignore[no-untyped-def]
    """Read a DHT body data[at:end] into `tables` (8, TABLE_SIZE) int32, DC before AC; return whether it is sound."""
    while at < end:
        kind, number = data[at] >> 4, data[at] & 15
        if kind > 1 or number > 3 or at + 1 + _LONGEST > end:
            return False
        counts = data[at + 1 : at + 1 + _LONGEST]
        total = int(counts.sum())
        at += 1 + _LONGEST
        if total > 256 or at + total > end or not _read_table(tables[4 * kind + number], counts, data[at : at + total]):
            return False
        at += total
    return True


@kernel_function
def next_symbol(tables, number, word):  # type: ignore[no-untyped-def]
    """Return the symbol of table `number` that a word begins with, and its length; 255, which no scan has, if none."""
    entry = np.int64(tables[number, shift_right(word, 64 - _QUICK)])
    if entry != 0:
        return entry >> 8, entry & 255
    for length in range(_QUICK + 1, _LONGEST + 1):
        code = shift_right(word, 64 - length)
        if code < tables[number, _LIMITS + length]:
            return np.int64(tables[number, tables[number, _OFFSETS + length] + code]), length
    return 255, 0


@kernel_function
def _read_table(table, counts, symbols):  # type: ignore[no-untyped-def]
    """Fill `table` (TABLE_SIZE,) int32 by the counts of codes of each length; return whether they are valid."""
    table[:] = 0
    code, number = 0, 0
    for length in range(1, _LONGEST + 1):
        count = np.int64(counts[length - 1])
        if code + count >= 1 << length:  # no code is all ones
            return False
        table[_OFFSETS + length] = _SYMBOLS + number - code
        for _ in range(count):
            symbol = int(symbols[number])
            table[_SYMBOLS + number] = symbol
            if length <= _QUICK:
                first = code << (_QUICK - length)
                table[first : first + (1 << (_QUICK - length))] = symbol << 8 | length
            code += 1
            number += 1
        table[_LIMITS + length] = code
        code <<= 1
    return True
