"""One instruction that Numba does not write by itself: a weighted sum of RGB pixels, all channels at once.

Numba vectorizes loops over an axis, but the resampling of a row gathers pixels from anywhere in it, and a loop over
three channels is too short. As explicit LLVM vectors of four (three channels and one lane of no meaning) the row costs
a third of what the scalar code does.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils

__all__ = ["sum_pixels"]

_FLOATS = ir.VectorType(ir.FloatType(), 4)
_BYTES = ir.VectorType(ir.IntType(8), 4)


@numba.extending.intrinsic
def sum_pixels(
    typing_context: Any,
    target: Any,
    target_at: Any,
    source: Any,
    source_at: Any,
    weights: Any,
    weights_at: Any,
    number: Any,
) -> Any:
    """`target[c, at] = sum of weights[at + k] * source[at + 3 k + c]` over `number` pixels k, for three channels c.

    Contiguous arrays: target (3, n) float32, source 1-D uint8, weights 1-D float32. The vector's fourth byte is the
    next pixel's red: the caller sees to it that there is one more byte behind the last pixel.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def address(array: int, element: Any) -> Any:
            data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
            return builder.gep(data, [element])

        total = cgutils.alloca_once_value(builder, ir.Constant(_FLOATS, [0.0] * 4))
        with cgutils.for_range(builder, arguments[6], intp=arguments[6].type) as loop:
            pixel = builder.add(arguments[3], builder.mul(loop.index, ir.Constant(loop.index.type, 3)))
            packed = builder.bitcast(address(2, pixel), _BYTES.as_pointer())
            values = builder.uitofp(builder.load(packed, align=1), _FLOATS)
            weight = builder.load(address(4, builder.add(arguments[5], loop.index)))
            lane = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), weight, ir.Constant(ir.IntType(32), 0))
            splat = builder.shuffle_vector(lane, lane, ir.Constant(ir.VectorType(ir.IntType(32), 4), [0] * 4))
            product = builder.fmul(values, splat, flags=("contract",))
            builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
        planes = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(planes.shape, 1)
        for channel in range(3):
            at = builder.add(arguments[1], builder.mul(stride, ir.Constant(stride.type, channel)))
            value = builder.extract_element(builder.load(total), ir.Constant(ir.IntType(32), channel))
            builder.store(value, builder.gep(planes.data, [at]))
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, weights, types.intp, types.intp), generate
