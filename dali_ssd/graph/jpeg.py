"""Progressive JPEGs on the host: the decoder of `kernels.jpeg` as operators of a graph."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from dali_ssd.graph.callback import RUN, SETUP, Kernel, compiled, cube, dims, vector
from dali_ssd.kernels.jpeg.decoder import decode_region, output_shape

__all__ = ["decode_kernel", "decode_progressive", "output_shape_kernel"]

_INS = (("uint8", 1), ("int32", 1))


@functools.cache
def output_shape_kernel() -> Kernel:
    """Return the kernel of file (n,) uint8, region (4,) -> (3,) int32: the region's height, width, 0, or 0 0 0."""

    def run_callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            output_shape(
                vector(outs, out_shapes, 0, np.int32),
                vector(ins, in_shapes, 0, np.uint8),
                vector(ins, in_shapes, 1, np.int32),
            )

        return run

    def setup_callback(digest: str) -> Callable[..., None]:
        def setup(out_shapes, out_ndims, num_outs, in_shapes, in_ndims, num_ins, samples):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            for sample in range(samples):
                dims(out_shapes, 0, sample, samples, 1)[0] = 3

        return setup

    return Kernel(compiled(RUN, run_callback), compiled(SETUP, setup_callback), _INS, (("int32", 1),))


@functools.cache
def decode_kernel() -> Kernel:
    """Return the kernel of file (n,) uint8, region (4,), room (h, w, 0) -> pixels (h, w, 3) uint8, done (1,) uint8."""

    def run_callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            decode_region(
                cube(outs, out_shapes, 0, np.uint8),
                vector(outs, out_shapes, 1, np.uint8),
                vector(ins, in_shapes, 0, np.uint8),
                vector(ins, in_shapes, 1, np.int32),
            )

        return run

    def setup_callback(digest: str) -> Callable[..., None]:
        def setup(out_shapes, out_ndims, num_outs, in_shapes, in_ndims, num_ins, samples):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            for sample in range(samples):
                # A setup function sees shapes only, so the size of the pixels comes as the shape of an empty input.
                pixels, room = dims(out_shapes, 0, sample, samples, 3), dims(in_shapes, 2, sample, samples, 3)
                pixels[0], pixels[1], pixels[2] = room[0], room[1], 3
                dims(out_shapes, 1, sample, samples, 1)[0] = 1

        return setup

    ins, outs = (*_INS, ("uint8", 3)), (("uint8", 3), ("uint8", 1))
    return Kernel(compiled(RUN, run_callback), compiled(SETUP, setup_callback), ins, outs)


def decode_progressive(images: Any, regions: Any) -> tuple[Any, Any]:
    """Decode a region `y x height width` of each image that is a progressive JPEG, on the CPU.

    Returns pixels `(height, width, 3) uint8` RGB, empty for an image that is declined, and a scalar bool that says
    whether the image was decoded.
    """
    from nvidia.dali import fn, types

    room = fn.zeros(shape=output_shape_kernel().in_graph(images, regions), dtype=types.UINT8)
    pixels, done = decode_kernel().in_graph(images, regions, room)
    return fn.reshape(pixels, layout="HWC"), fn.cast(fn.reshape(done, shape=[]), dtype=types.BOOL)
