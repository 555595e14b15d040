"""Vector code that Numba does not generate by itself: RGB pixels resampled and colored, eight at a time.

Numba vectorizes loops over an axis, but the resampling of a row gathers pixels from anywhere in it, and a loop over
three channels is too short. As explicit LLVM vectors (three channels and one unused lane), transposed to three planes
eight pixels at a time, it costs a fifth of the scalar code. The color is changed while the planes are in registers: a
loop of its own would have nothing else to do while it writes to memory that is not in the cache.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils

__all__ = ["GROUP", "paint_pixels", "shuffle"]

GROUP = 8
"""Pixels that are computed together."""

_PIXEL = ir.VectorType(ir.FloatType(), 4)
_FLOATS = ir.VectorType(ir.FloatType(), GROUP)
_CONTRACT = ("contract",)


def shuffle(builder: Any, first: Any, second: Any, *lanes: int) -> Any:
    """Return a vector of these lanes of two vectors, counted through both."""
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes)))


@numba.extending.intrinsic
def paint_pixels(
    typing_context: Any,
    red: Any,
    green: Any,
    blue: Any,
    at: Any,
    row: Any,
    start: Any,
    weights: Any,
    number: Any,
    cover: Any,
    color: Any,
) -> Any:
    """Resample `GROUP` pixels of a row and write their color.

    For each of them, x = at + i:

        p[c] = sum of weights[k, x] * row[start[x] + 3 k + c] over `number` pixels k
        target[c, x] = color[4c] p[0] + color[4c + 1] p[1] + color[4c + 2] p[2] + color[4c + 3] cover[x]

    where the targets are red, green and blue. All but `color`, 12 floats in a tuple, are contiguous arrays of float32:
    targets and cover (n,), row 1-D, weights (number, n); start is (n,) int64. A vector's fourth float is the next
    pixel's red: the caller must provide one more float after the row's last pixel.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def array(position: int) -> Any:
            return context.make_array(signature.args[position])(context, builder, arguments[position])

        def constant(number: int) -> Any:
            return ir.Constant(at.type, number)

        at, source, table, count = arguments[3], array(4).data, array(6), arguments[7]
        width = builder.extract_value(table.shape, 1)
        starts = [builder.load(builder.gep(array(5).data, [builder.add(at, constant(i))])) for i in range(GROUP)]
        sums = [cgutils.alloca_once_value(builder, ir.Constant(_FLOATS, [0.0] * GROUP)) for _ in range(4)]
        with cgutils.for_range(builder, count, intp=count.type) as loop:
            ahead = builder.mul(loop.index, constant(3))
            shares = _at(builder, table.data, builder.add(builder.mul(loop.index, width), at), _FLOATS)
            shares = builder.load(shares, align=4)
            for i, total in enumerate(sums):
                pixels = [_at(builder, source, builder.add(starts[j], ahead), _PIXEL) for j in (i, i + 4)]
                pair = shuffle(builder, *[builder.load(pixel, align=4) for pixel in pixels], *range(GROUP))
                share = shuffle(builder, shares, shares, *[i] * 4, *[i + 4] * 4)
                builder.store(_add_product(builder, builder.load(total), pair, share), total)
        planes = _planes(builder, [builder.load(total) for total in sums])
        planes.append(builder.load(_at(builder, array(8).data, at, _FLOATS), align=4))
        for c in range(3):
            value = ir.Constant(_FLOATS, [0.0] * GROUP)
            for k in (3, 0, 1, 2):
                factor = _splat(builder, builder.extract_value(arguments[9], 4 * c + k))
                value = _add_product(builder, value, planes[k], factor)
            builder.store(value, _at(builder, array(c).data, at, _FLOATS), align=4)
        return context.get_dummy_value()

    return types.void(red, green, blue, types.intp, row, start, weights, types.intp, cover, color), generate


def _splat(builder: Any, number: Any) -> Any:
    lane = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return shuffle(builder, lane, lane, *[0] * GROUP)


def _at(builder: Any, data: Any, index: Any, vector: Any) -> Any:
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


def _add_product(builder: Any, total: Any, first: Any, second: Any) -> Any:
    return builder.fadd(total, builder.fmul(first, second, flags=_CONTRACT), flags=_CONTRACT)


def _planes(builder: Any, pairs: list[Any]) -> list[Any]:
    """Return R, G and B of eight pixels: the first three rows of two transposed 4x4 matrices side by side.

    Pair i holds pixels i and i + 4 as RGB_RGB_.
    """
    first, second, third, fourth = pairs
    red_green = [shuffle(builder, a, b, 0, 8, 1, 9, 4, 12, 5, 13) for a, b in ((first, second), (third, fourth))]
    blue = [shuffle(builder, a, b, 2, 10, 3, 11, 6, 14, 7, 15) for a, b in ((first, second), (third, fourth))]
    return [
        shuffle(builder, *red_green, 0, 1, 8, 9, 4, 5, 12, 13),
        shuffle(builder, *red_green, 2, 3, 10, 11, 6, 7, 14, 15),
        shuffle(builder, *blue, 0, 1, 8, 9, 4, 5, 12, 13),
    ]
