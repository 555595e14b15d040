"""Bits of a byte array, by instructions that Numba does not generate by itself.

Words are int64, since Numba turns a mixture of int64 and uint64 into float64; the first bit in the file is the highest.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types

__all__ = [
    "SURE",
    "count_ones",
    "deposit",
    "deposit_by_bits",
    "has_full",
    "load_word",
    "reverse",
    "shift_right",
    "store_word",
    "trailing_zeros",
    "word_at",
]

SURE = 57
"""Number of valid bits of a word of `word_at`, wherever it begins."""

_WORD = ir.IntType(64)
_SLOW_DEPOSIT = ("znver1", "znver2")
"""Processors that have the instruction in microcode, where it takes longer than a loop."""


@numba.extending.intrinsic
def load_word(typing_context: Any, data: Any, at: Any) -> Any:
    """Return the 8 bytes of `data` (n,) uint8 from byte `at` on, which must exist."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bswap(builder.load(_place(context, builder, signature.args[0], *arguments), align=1))

    return types.int64(data, types.int64), generate


@numba.extending.intrinsic
def store_word(typing_context: Any, data: Any, at: Any, word: Any) -> Any:
    """Write a word to the 8 bytes of `data` (n,) uint8 from byte `at` on, which must exist."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, at, word = arguments
        builder.store(builder.bswap(word), _place(context, builder, signature.args[0], data, at), align=1)
        return context.get_dummy_value()

    return types.void(data, types.int64, types.int64), generate


@numba.extending.intrinsic
def shift_right(typing_context: Any, word: Any, count: Any) -> Any:
    """Return a word shifted by 0..63 bits, filled with zeros; Python's `>>` fills with the sign."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.lshr(*arguments)

    return types.int64(types.int64, types.int64), generate


@numba.extending.intrinsic
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Return the number of the lowest bit that is set; 64 if none is."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), generate


@numba.extending.intrinsic
def count_ones(typing_context: Any, word: Any) -> Any:
    """Return how many bits are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.int64), generate


@numba.extending.intrinsic
def reverse(typing_context: Any, word: Any) -> Any:
    """Return the word's bits in the opposite order."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.bitreverse", [_WORD]), arguments)

    return types.int64(types.int64), generate


def deposit_by_bits(word, mask):  # type: ignore[no-untyped-def]
    """Return the same as `deposit`, on processors that have no instruction for it."""
    found = 0
    while word != 0 and mask != 0:
        if word & 1:
            found |= mask & -mask
        mask &= mask - 1
        word = (word >> 1) & 0x7FFFFFFFFFFFFFFF
    return found


@numba.extending.intrinsic
def deposit(typing_context: Any, word: Any, mask: Any) -> Any:
    """Return the lowest bits of a word at the places of the bits of `mask`: its first bit at the mask's first etc."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, processor, features = context.codegen().magic_tuple()
        if "+bmi2" not in features.split(",") or processor in _SLOW_DEPOSIT:
            return context.compile_internal(builder, deposit_by_bits, signature, arguments)
        kind = ir.FunctionType(_WORD, [_WORD, _WORD])
        return builder.call(builder.module.declare_intrinsic("llvm.x86.bmi.pdep.64", (), kind), arguments)

    return types.int64(types.int64, types.int64), generate


@numba.njit(error_model="numpy", forceinline=True)
def word_at(data, position):  # type: ignore[no-untyped-def]
    """Return a word whose first `SURE` bits are those of `data` from bit `position` on."""
    return load_word(data, position >> 3) << (position & 7)


@numba.njit(error_model="numpy", forceinline=True)
def has_full(word):  # type: ignore[no-untyped-def]
    """Return whether one of the word's bytes is 0xFF."""
    return (~word - 0x0101010101010101) & word & -0x7F7F7F7F7F7F7F80 != 0


def _place(context: Any, builder: Any, kind: Any, data: Any, at: Any) -> Any:
    """Return a pointer to the 8 bytes of an array from byte `at` on."""
    array = context.make_array(kind)(context, builder, data)
    return builder.bitcast(builder.gep(array.data, [at]), _WORD.as_pointer())
