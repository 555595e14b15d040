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
from dali_ssd.graph.filters import axis_table
from dali_ssd.graph.kernel import RUN, SETUP, Kernel, compiled, cube, dims, inner, vector
from dali_ssd.graph.plan import COLOR, FILTER, MIRROR, PLAN_SIZE, WINDOW
from dali_ssd.graph.simd import sum_pixels

__all__ = ["render", "render_kernel"]


# Reordering of sums and fused multiply-add are welcome here; NaN and infinity keep their meaning.
_fast = numba.njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})


@numba.njit(error_model="numpy", forceinline=True)
def _each_pixel(line, source, row_at, first, weights, begin, end, taps):  # type: ignore[no-untyped-def]
    shown = first[begin:end]  # indices from 0: one that could be negative costs a comparison a pixel
    for i in range(shown.size):
        sum_pixels(line, begin + i, source, row_at + 3 * shown[i], weights, (begin + i) * taps, taps)


@inner
def _resample_row(line, source, row_at, first, weights, begin, end, taps):  # type: ignore[no-untyped-def]
    """line (3, size) float32 = one source row at the output's columns; loops of known length for the usual filters."""
    # nearest 1, linear 2, area of little shrinking 3, cubic 4, Lanczos 6
    if taps == 1:
        _each_pixel(line, source, row_at, first, weights, begin, end, 1)
    elif taps == 2:
        _each_pixel(line, source, row_at, first, weights, begin, end, 2)
    elif taps == 3:
        _each_pixel(line, source, row_at, first, weights, begin, end, 3)
    elif taps == 4:
        _each_pixel(line, source, row_at, first, weights, begin, end, 4)
    elif taps == 6:
        _each_pixel(line, source, row_at, first, weights, begin, end, 6)
    else:
        _each_pixel(line, source, row_at, first, weights, begin, end, taps)


@_fast
def _color_row(row, line, color, cover, begin, end):  # type: ignore[no-untyped-def]
    """row (3, size) = the resampled row in the network's colors."""
    # Slices, so that each index starts at 0: one that could be negative keeps a loop from being vectorized.
    red, green, blue, share = line[0, begin:end], line[1, begin:end], line[2, begin:end], cover[begin:end]
    for c in range(3):
        plane = row[c, begin:end]
        m0, m1, m2, offset = color[4 * c], color[4 * c + 1], color[4 * c + 2], color[4 * c + 3]
        for x in range(plane.size):
            plane[x] = m0 * red[x] + m1 * green[x] + m2 * blue[x] + offset * share[x]


@_fast
def _blend_rows(target, ring, channel, taps, slot, weights):  # type: ignore[no-untyped-def]
    """target (size,) = the weighted sum of `taps` rows of ring (slots, 3, size), from `slot` on and around."""
    slots = ring.shape[0]
    a, wa = ring[slot, channel], weights[0]
    if taps == 1:
        for x in range(target.size):
            target[x] = wa * a[x]
        return
    b, wb = ring[(slot + 1) % slots, channel], weights[1]
    for x in range(target.size):
        target[x] = wa * a[x] + wb * b[x]
    # Two taps a pass: each pass reads and writes the target.
    for k in range(2, taps - 1, 2):
        a, wa = ring[(slot + k) % slots, channel], weights[k]
        b, wb = ring[(slot + k + 1) % slots, channel], weights[k + 1]
        for x in range(target.size):
            target[x] += wa * a[x] + wb * b[x]
    if taps % 2:
        a, wa = ring[(slot + taps - 1) % slots, channel], weights[taps - 1]
        for x in range(target.size):
            target[x] += wa * a[x]


@inner
def _padded_last_row(pixels):  # type: ignore[no-untyped-def]
    """The last row and one byte more, which `sum_pixels` may read."""
    height, width = pixels.shape[0], pixels.shape[1]
    row = np.zeros(3 * width + 1, np.uint8)
    row[: 3 * width] = pixels[height - 1].ravel()
    return row


@inner
def _render(out, pixels, plan, region, channels_first):  # type: ignore[no-untyped-def]
    """Each source row is resampled and colored once, into a ring of as many rows as the vertical filter is high."""
    height, width = pixels.shape[0], pixels.shape[1]
    size = out.shape[1]
    top, left = region[0], region[1]
    kind, mirrored, color = int(plan[FILTER]), plan[MIRROR] > 0, plan[COLOR:PLAN_SIZE]
    x0, y0 = int(plan[WINDOW]) - left, int(plan[WINDOW + 1]) - top
    x1, y1 = int(plan[WINDOW + 2]) - left, int(plan[WINDOW + 3]) - top
    first_x, weights_x, cover, begin, end = axis_table(kind, size, x0, x1, width, mirrored)
    first_y, weights_y, _, begin_y, end_y = axis_table(kind, size, y0, y1, height, False)
    taps_x, taps_y = weights_x.shape[1], weights_y.shape[1]
    source, last_row = pixels.ravel(), _padded_last_row(pixels)
    line, flat_weights = np.zeros((3, size), np.float32), weights_x.ravel()
    ring = np.zeros((taps_y, 3, size), np.float32)
    blended = np.empty(size, np.float32)
    ready = 0
    for y in range(size):
        if y < begin_y or y >= end_y or begin >= end:
            if channels_first:
                out[:, y] = 0
            else:
                out[y] = 0
            continue
        ready = max(ready, first_y[y])
        while ready < first_y[y] + taps_y:
            # One call, whichever row it is: the compiler copies the loops to each place they are called from.
            last = ready == height - 1
            row_source, row_at = (last_row, 0) if last else (source, 3 * width * ready)
            _resample_row(line, row_source, row_at, first_x, flat_weights, begin, end, taps_x)
            _color_row(ring[ready % taps_y], line, color, cover, begin, end)
            ready += 1
        slot = first_y[y] % taps_y
        for c in range(3):
            if channels_first:
                _blend_rows(out[c, y], ring, c, taps_y, slot, weights_y[y])
            else:
                _blend_rows(blended, ring, c, taps_y, slot, weights_y[y])
                for x in range(size):
                    out[y, x, c] = blended[x]


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
