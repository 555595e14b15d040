"""Inverse DCT and color, eight samples at a time, as explicit vectors: libjpeg's arithmetic to the bit.

Numba vectorizes neither: a block's rows are too short a loop, and pixels of three bytes are no vector. The transform is
libjpeg's accurate integer one ("islow"): Loeffler, Ligtenberg, Moschytz, "Practical fast 1-D DCT algorithms with 11
multiplications" (ICASSP 1989), in 13-bit fixed point, columns first with two more bits kept for the rows. libjpeg-turbo
keeps some of it in 16 bits, which shows in blocks that no encoder makes; so does this code.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types

from dali_ssd.kernels.simd import shuffle

__all__ = ["LANES", "color_pixels", "idct_block"]

LANES = 8
"""Samples per side of a block, and pixels that are colored together."""
_SHORTS, _INTS = ir.VectorType(ir.IntType(16), LANES), ir.VectorType(ir.IntType(32), LANES)
_BYTES = ir.VectorType(ir.IntType(8), LANES)
_BITS, _EXTRA = 13, 2
"""Bits of the constants' fractions; extra bits of the fractions that columns hand to rows."""
_MIDDLE = 128
"""The level that samples of 0 stand for."""
_COLOR_BITS = 16
"""Bits of the fractions of the color factors, which are JFIF's."""


@numba.extending.intrinsic
def idct_block(typing_context: Any, samples: Any, at: Any, stride: Any, values: Any, begin: Any, table: Any) -> Any:
    """Write the 8 x 8 samples of a block.

    samples (n,) uint8 from position `at` on, rows `stride` apart; values (m,) int16, 64 coefficients from `begin` on;
    table (64,) int16, the factors to multiply them by; both row by row and contiguous. All of these must exist.
    """

    def generate(context: Any, build: Any, signature: Any, arguments: Any) -> Any:
        def array(position: int) -> Any:
            return context.make_array(signature.args[position])(context, build, arguments[position]).data

        def row(data: Any, first: Any, number: int) -> Any:
            place = build.gep(data, [build.add(first, ir.Constant(first.type, LANES * number))])
            loaded = build.load(build.bitcast(place, _SHORTS.as_pointer()), align=2)
            return build.sext(loaded, _INTS)

        target, values, table = array(0), array(3), array(5)
        at, stride, begin = arguments[1], arguments[2], arguments[4]
        zero = ir.Constant(begin.type, 0)
        block = [build.mul(row(values, begin, i), row(table, zero, i)) for i in range(LANES)]
        block = [_limited(build, line, -0x8000, 0x7FFF) for line in _transform(build, block, _BITS - _EXTRA)]
        block = _transform(build, _transposed(build, block), _BITS + _EXTRA + 3)
        for i, line in enumerate(_transposed(build, block)):
            place = build.gep(target, [build.add(at, build.mul(stride, ir.Constant(stride.type, i)))])
            limited = _limited(build, build.add(line, _all(_MIDDLE)), 0, 255)
            build.store(build.trunc(limited, _BYTES), build.bitcast(place, _BYTES.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(samples, types.intp, types.intp, values, types.intp, table), generate


@numba.extending.intrinsic
def color_pixels(
    typing_context: Any, out: Any, to: Any, luma: Any, at: Any, blue: Any, red: Any, chroma_at: Any
) -> Any:
    """Write `LANES` pixels, 3 bytes each from byte `to` of out (n,) uint8 on.

    Their Y are in luma (n,) uint8 from `at` on, their Cb and Cr in blue and red (m,) uint8 from `chroma_at` on; all
    arrays are contiguous, and must be long enough.
    """

    def generate(context: Any, build: Any, signature: Any, arguments: Any) -> Any:
        def place(position: int, at: Any) -> Any:
            return build.gep(
                context.make_array(signature.args[position])(context, build, arguments[position]).data, [at]
            )

        def samples(position: int, at: Any) -> Any:
            loaded = build.load(build.bitcast(place(position, at), _BYTES.as_pointer()), align=1)
            return build.zext(loaded, _INTS)

        def shared(value: Any, factor: float) -> Any:
            return build.mul(value, _fixed(factor, _COLOR_BITS))

        y = samples(2, arguments[3])
        cb, cr = (build.sub(samples(position, arguments[6]), _all(_MIDDLE)) for position in (4, 5))
        changes = shared(cr, 1.402), build.add(shared(cb, -0.34414), shared(cr, -0.71414)), shared(cb, 1.772)
        planes = [_limited(build, build.add(y, _rounded(build, change, _COLOR_BITS)), 0, 255) for change in changes]
        pixels = build.or_(planes[0], build.or_(build.shl(planes[1], _all(8)), build.shl(planes[2], _all(16))))
        fours = build.bitcast(pixels, ir.VectorType(ir.IntType(8), 4 * LANES))
        lanes = [4 * (i // 3) + i % 3 for i in range(3 * LANES)] + [3] * LANES
        pixels = shuffle(build, fours, fours, *lanes)
        build.store(pixels, build.bitcast(place(0, arguments[1]), pixels.type.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(out, types.intp, luma, types.intp, blue, red, types.intp), generate


def _all(number: int) -> Any:
    return ir.Constant(_INTS, [number] * LANES)


def _fixed(number: float, bits: int = _BITS) -> Any:
    return _all(round(number * (1 << bits)))


def _rounded(build: Any, total: Any, bits: int) -> Any:
    return build.ashr(build.add(total, _all(1 << (bits - 1))), _all(bits))


def _transform(build: Any, x: list[Any], shift: int) -> list[Any]:
    """Transform one dimension of eight lines at once, frequencies to samples, with `shift` bits less at the end."""

    def narrow(value: Any) -> Any:
        return build.sext(build.trunc(value, _SHORTS), _INTS)

    def times(value: Any, factor: float) -> Any:
        return build.mul(value, _fixed(factor))

    add, sub = build.add, build.sub
    shared = times(add(x[2], x[6]), 0.541196100)
    low, high = sub(shared, times(x[6], 1.847759065)), add(shared, times(x[2], 0.765366865))
    plus, minus = (build.shl(part, _all(_BITS)) for part in (narrow(add(x[0], x[4])), narrow(sub(x[0], x[4]))))
    even = [add(plus, high), add(minus, low), sub(minus, low), sub(plus, high)]
    upper, lower = narrow(add(x[7], x[3])), narrow(add(x[5], x[1]))
    twist = times(add(upper, lower), 1.175875602)
    a, b = times(add(x[7], x[1]), 0.899976223), times(add(x[5], x[3]), 2.562915447)
    c = sub(twist, times(upper, 1.961570560))
    d = sub(twist, times(lower, 0.390180644))
    odd = [
        add(sub(times(x[1], 1.501321110), a), d),
        add(sub(times(x[3], 3.072711026), b), c),
        add(sub(times(x[5], 2.053119869), b), d),
        add(sub(times(x[7], 0.298631336), a), c),
    ]
    sums = [add(e, o) for e, o in zip(even, odd, strict=True)]
    sums += [sub(e, o) for e, o in zip(reversed(even), reversed(odd), strict=True)]
    return [_rounded(build, total, shift) for total in sums]


def _transposed(build: Any, rows: list[Any]) -> list[Any]:
    """Return eight vectors of eight with rows and columns exchanged, by interleaving three times."""

    def interleaved(first: Any, second: Any, begin: int) -> Any:
        lanes = [lane for i in range(begin, begin + 4) for lane in (i, i + LANES)]
        return shuffle(build, first, second, *lanes)

    for _ in range(3):
        rows = [interleaved(rows[i // 2], rows[i // 2 + 4], 4 * (i % 2)) for i in range(LANES)]
    return rows


def _limited(build: Any, values: Any, low: int, high: int) -> Any:
    """Return values limited to low..high."""
    values = build.select(build.icmp_signed("<", values, _all(low)), _all(low), values)
    values = build.select(build.icmp_signed(">", values, _all(high)), _all(high), values)
    return values
