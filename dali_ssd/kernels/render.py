"""Render: source pixels of the visible part -> the network's input, each touched once.

Resample, place on the mean-color canvas, mirror, change the color, normalize and lay out, in one kernel per image.
The canvas has the mean color, which normalizes to 0, so with color matrix M, offset b, resampled pixel p and the
share c of it that is image and not canvas, the result is `M p + c b`; if all is canvas it is 0. Nothing is clipped,
as in GluonCV, whose augmented images are float as well.
"""

from __future__ import annotations

import numba
import numpy as np

from dali_ssd.kernels.compile import kernel_function
from dali_ssd.kernels.filters import axis_table
from dali_ssd.kernels.plan import COLOR, FILTER, MIRROR, PLAN_SIZE, WINDOW
from dali_ssd.kernels.simd import GROUP, paint_pixels

__all__ = ["render_image"]


# Reordering of sums and fused multiply-add are allowed here; NaN and infinity keep their meaning.
_fast = numba.njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})


@kernel_function
def render_image(out, pixels, plan, region, channels_first):  # type: ignore[no-untyped-def]
    """Render one image row by row: blend source rows, which are contiguous, then resample and color that one row."""
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


@_fast
def _blend_rows(row, source, first, weights):  # type: ignore[no-untyped-def]
    """Write to row (n,) float32 the weighted sum of rows of source (height, n) uint8, from `first` on."""
    taps = weights.size
    a, wa = source[first], weights[0]
    if taps == 1:
        for x in range(a.size):
            row[x] = wa * np.float32(a[x])
        return
    b, wb = source[first + 1], weights[1]
    for x in range(a.size):
        row[x] = wa * np.float32(a[x]) + wb * np.float32(b[x])
    # Two taps per pass, since each pass reads and writes the row.
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
    last = red.size - GROUP  # if the last group would go beyond the row, it begins earlier
    for x in range(begin, end, GROUP):
        paint_pixels(red, green, blue, min(x, last), row, start, weights, taps, cover, color)


@kernel_function
def _paint_row(planes, row, start, weights, cover, color, begin, end):  # type: ignore[no-untyped-def]
    """Write a row's columns begin..end to three planes (size,) float32, with a loop of fixed length per filter."""
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


@kernel_function
def _color_of_row(color, share):  # type: ignore[no-untyped-def]
    """Return the color matrix for a row of which `share` is image and not canvas."""
    m = color
    return (
        *(m[0], m[1], m[2], m[3] * share),
        *(m[4], m[5], m[6], m[7] * share),
        *(m[8], m[9], m[10], m[11] * share),
    )
