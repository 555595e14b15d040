"""One instruction that Numba does not write by itself: weighted sums of RGB pixels, four at a time.

Numba vectorizes loops over an axis, but the resampling of a row gathers pixels from anywhere in it, and a loop over
three channels is too short. As explicit LLVM vectors (three channels and one lane of no meaning), transposed to three
planes four pixels at a time, it costs a quarter of what the scalar code does.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils

__all__ = ["GROUP", "sum_pixels"]

GROUP = 4
"""Pixels that are computed together."""

_FLOATS = ir.VectorType(ir.FloatType(), 4)
_CONTRACT = ("contract",)


def _shuffle(builder: Any, first: Any, second: Any, *lanes: int) -> Any:
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(ir.IntType(32), 4), list(lanes)))


def _planes(builder: Any, pixels: list[Any]) -> list[Any]:
    """Four RGB_ vectors as R, G and B vectors of four: the first three rows of the transposed 4x4 matrix."""
    first, second, third, fourth = pixels
    red_green = [_shuffle(builder, a, b, 0, 4, 1, 5) for a, b in ((first, second), (third, fourth))]
    blue = [_shuffle(builder, a, b, 2, 6, 2, 6) for a, b in ((first, second), (third, fourth))]
    return [
        _shuffle(builder, *red_green, 0, 1, 4, 5),
        _shuffle(builder, *red_green, 2, 3, 6, 7),
        _shuffle(builder, *blue, 0, 1, 4, 5),
    ]


@numba.extending.intrinsic
def sum_pixels(
    typing_context: Any, target: Any, target_at: Any, source: Any, first: Any, weights: Any, number: Any
) -> Any:
    """`target[c, at + i] = sum of weights[at + i, k] * source[3 (first[at + i] + k) + c]` over `number` pixels k.

    For each of `GROUP` pixels i and three channels c. Contiguous arrays: target (3, n) float32, source 1-D float32,
    first (n,) int64, weights (n, number) float32, where n holds whole groups. A vector's fourth float is the next
    pixel's red: the caller sees to it that there is one more float behind the last pixel.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def array(position: int) -> Any:
            return context.make_array(signature.args[position])(context, builder, arguments[position])

        to, at, taps = array(0), arguments[1], arguments[5]
        sums = [cgutils.alloca_once_value(builder, ir.Constant(_FLOATS, [0.0] * 4)) for _ in range(GROUP)]
        pixels = [builder.add(at, ir.Constant(at.type, i)) for i in range(GROUP)]
        starts = [
            builder.mul(builder.load(builder.gep(array(3).data, [pixel])), ir.Constant(at.type, 3)) for pixel in pixels
        ]
        with cgutils.for_range(builder, taps, intp=taps.type) as loop:
            for pixel, start, total in zip(pixels, starts, sums, strict=True):
                place = builder.add(start, builder.mul(loop.index, ir.Constant(taps.type, 3)))
                values = builder.bitcast(builder.gep(array(2).data, [place]), _FLOATS.as_pointer())
                weight = builder.load(builder.gep(array(4).data, [builder.add(builder.mul(pixel, taps), loop.index)]))
                lane = builder.insert_element(
                    ir.Constant(_FLOATS, ir.Undefined), weight, ir.Constant(ir.IntType(32), 0)
                )
                splat = _shuffle(builder, lane, lane, 0, 0, 0, 0)
                product = builder.fmul(builder.load(values, align=4), splat, flags=_CONTRACT)
                builder.store(builder.fadd(builder.load(total), product, flags=_CONTRACT), total)
        stride = builder.extract_value(to.shape, 1)
        for channel, plane in enumerate(_planes(builder, [builder.load(total) for total in sums])):
            place = builder.add(at, builder.mul(stride, ir.Constant(stride.type, channel)))
            builder.store(plane, builder.bitcast(builder.gep(to.data, [place]), _FLOATS.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(target, types.intp, source, first, weights, types.intp), generate
