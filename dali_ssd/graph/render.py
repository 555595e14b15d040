"""Render: source pixels of the visible part -> the network's input, each touched once.

Resample, place on the mean-color canvas, mirror, change the color, normalize and lay out, in one kernel an image.
The canvas has the mean color, which normalizes to 0, so with color matrix M, offset b, resampled pixel p and the
share c of it that is image and not canvas, the result is `M p + c b`; where all is canvas it is 0. Nothing is clipped,
as in GluonCV, whose augmented images are float as well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from dali_ssd.config import RenderConfig
from dali_ssd.graph.kernel import RUN, SETUP, Kernel, compiled, cube, dims, inner, vector
from dali_ssd.graph.plan import COLOR, FILTER, MIRROR, PLAN_SIZE, WINDOW
from dali_ssd.kernels.filters import axis_table
from dali_ssd.kernels.simd import GROUP, paint_pixels

__all__ = ["render", "render_kernel"]


# Reordering of sums and fused multiply-add are welcome here; NaN and infinity keep their meaning.
_fast = numba.njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})


@_fast
def _blend_rows(row, source, first, weights):  # type: ignore[no-untyped-def]
    """row (n,) float32 = the weighted sum of rows of source (height, n) uint8, from `first` on."""
    taps = weights.size
    a, wa = source[first], weights[0]
    if taps == 1:
        for x in range(a.size):
            row[x] = wa * np.float32(a[x])
        return
    b, wb = source[first + 1], weights[1]
    for x in range(a.size):
        row[x] = wa * np.float32(a[x]) + wb * np.float32(b[x])
    # Two taps a pass: each pass reads and writes the row.
    for k in range(2, taps - 1, 2):
        a, wa = source[first + k], weights[k]
        b, wb = source[first + k + 1], weights[k + 1]
        for x in range(a.size):
            row[x] += wa * np.float32(a[x]) + wb * np.float32(b[x])
    if taps % 2 == 1:
        a, wa = source[first + taps - 1], weights[taps - 1]
        for x in range(a.size):
            row[x] += wa * np.float32(a[x])


@numba.njit(error_model="numpy", forceinline=True)
def _paint_groups(planes, row, start, weights, taps, cover, color, begin, end):  # type: ignore[no-untyped-def]
    red, green, blue = planes
    last = red.size - GROUP  # where the last group would go beyond the row, it begins earlier
    for x in range(begin, end, GROUP):
        paint_pixels(red, green, blue, min(x, last), row, start, weights, taps, cover, color)


@inner
def _paint_row(planes, row, start, weights, cover, color, begin, end):  # type: ignore[no-untyped-def]
    """Three planes (size,) float32 = the output's columns begin..end of a row; loops of known length for filters."""
    taps = weights.shape[0]
    # nearest 1, linear 2, area to shrink up to twice 3 and three times 4, cubic 4, Lanczos 6
    if taps == 1:
        _paint_groups(planes, row, start, weights, 1, cover, color, begin, end)
    elif taps == 2:
        _paint_groups(planes, row, start, weights, 2, cover, color, begin, end)
    elif taps == 3:
        _paint_groups(planes, row, start, weights, 3, cover, color, begin, end)
    elif taps == 4:
        _paint_groups(planes, row, start, weights, 4, cover, color, begin, end)
    elif taps == 6:
        _paint_groups(planes, row, start, weights, 6, cover, color, begin, end)
    else:
        _paint_groups(planes, row, start, weights, taps, cover, color, begin, end)


@inner
def _color_of_row(color, share):  # type: ignore[no-untyped-def]
    """The color matrix for a row of which `share` is image and not canvas."""
    m = color
    return (
        *(m[0], m[1], m[2], m[3] * share),
        *(m[4], m[5], m[6], m[7] * share),
        *(m[8], m[9], m[10], m[11] * share),
    )


@inner
def _render(out, pixels, plan, region, channels_first):  # type: ignore[no-untyped-def]
    """Row by row: blend source rows, which lie as the processor likes it, then resample and color that one row."""
    height, width = pixels.shape[0], pixels.shape[1]
    size = out.shape[1]
    top, left = region[0], region[1]
    kind, mirrored, color = int(plan[FILTER]), plan[MIRROR] > 0, plan[COLOR:PLAN_SIZE]
    x0, y0 = int(plan[WINDOW]) - left, int(plan[WINDOW + 1]) - top
    x1, y1 = int(plan[WINDOW + 2]) - left, int(plan[WINDOW + 3]) - top
    first_x, weights_x, cover_x, begin_x, end_x = axis_table(kind, size, x0, x1, width, mirrored)
    first_y, weights_y, cover_y, begin_y, end_y = axis_table(kind, size, y0, y1, height, False)
    start_x = 3 * first_x  # in a row of pixels
    source = pixels.reshape(height, 3 * width)
    row = np.zeros(3 * width + 1, np.float32)  # `paint_pixels` may read one more
    planes = np.zeros((3, size), np.float32)
    for y in range(size):
        if y < begin_y or y >= end_y or begin_x >= end_x:
            if channels_first:
                out[:, y] = 0
            else:
                out[y] = 0
            continue
        _blend_rows(row, source, first_y[y], weights_y[:, y])
        colors = _color_of_row(color, cover_y[y])
        if channels_first:
            out[:, y, :begin_x] = 0
            out[:, y, end_x:] = 0
            _paint_row((out[0, y], out[1, y], out[2, y]), row, start_x, weights_x, cover_x, colors, begin_x, end_x)
        else:
            _paint_row((planes[0], planes[1], planes[2]), row, start_x, weights_x, cover_x, colors, begin_x, end_x)
            out[y] = planes.T


@functools.cache
def render_kernel() -> Kernel:
    """pixels (h, w, 3) uint8, plan, region, layout (3, S) or (S, 3) -> (3, S, S) or (S, S, 3) float32."""

    def run_callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            _render(
                cube(outs, out_shapes, 0, np.float32),
                cube(ins, in_shapes, 0, np.uint8),
                vector(ins, in_shapes, 1, np.float32),
                vector(ins, in_shapes, 2, np.int32),
                dims(out_shapes, 0, 0, 1, 3)[0] == 3,
            )

        return run

    def setup_callback(digest: str) -> Callable[..., None]:
        def setup(out_shapes, out_ndims, num_outs, in_shapes, in_ndims, num_ins, samples):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            for sample in range(samples):
                # A setup function sees shapes only, so the layout comes as the shape of an input: (3, S) or (S, 3).
                shape, layout = dims(out_shapes, 0, sample, samples, 3), dims(in_shapes, 3, sample, samples, 2)
                shape[0], shape[1], shape[2] = layout[0], max(layout[0], layout[1]), layout[1]

        return setup

    ins = (("uint8", 3), ("float32", 1), ("int32", 1), ("uint8", 2))
    return Kernel(compiled(RUN, run_callback), compiled(SETUP, setup_callback), ins, (("float32", 3),))


def render(pixels: Any, plans: Any, regions: Any, config: RenderConfig, *, device: str) -> Any:
    """Render each image: by this module's kernel on the CPU, by DALI's operators on the GPU.

    Args:
        pixels: the decoded region on `device`, `(h, w, 3) uint8` RGB.
        plans, regions: as `graph.plan` makes them, on the host.

    Returns:
        `(3, S, S)`, or `(S, S, 3)` for NHWC, of `config.dtype`, on `device`.
    """
    if device == "gpu":
        from dali_ssd.graph.render_ops import render_with_operators

        return render_with_operators(pixels, plans, regions, config)
    return _render_with_kernel(pixels, plans, regions, config)


def _render_with_kernel(pixels: Any, plans: Any, regions: Any, config: RenderConfig) -> Any:
    from nvidia.dali import fn, types

    size = config.data_shape
    layout = np.zeros((3, size) if config.layout == "NCHW" else (size, 3), np.uint8)
    images = render_kernel().in_graph(pixels, plans, regions, types.Constant(layout, device="cpu"))
    images = fn.reshape(images, layout=config.layout[1:])
    return fn.cast(images, dtype=types.FLOAT16) if config.dtype == "float16" else images
