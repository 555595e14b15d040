"""Coefficients turned into pixels as libjpeg does it, to the bit: inverse DCT, smooth chroma, color."""

from __future__ import annotations

import numpy as np

from dali_ssd.kernels.compile import kernel_function
from dali_ssd.kernels.jpeg.head import ACROSS, DOWN, KEPT, LEFT, RIGHT, TOP, steps
from dali_ssd.kernels.jpeg.vectors import LANES, color_pixels, idct_block

__all__ = ["write_pixels"]


@kernel_function
def write_pixels(out, head, values, region):  # type: ignore[no-untyped-def]
    """Fill `out` (h, w, 3) uint8 with the region's pixels, from the coefficients of `read_scans`."""
    y0 = np.int64(region[0]) - 8 * head.down * head.top
    x0 = np.int64(region[1]) - 8 * head.across * head.left
    luma = _samples(head, 0, values)
    if head.grids.shape[0] == 1:
        plane = _plane(head, 0, luma)
        for y in range(out.shape[0]):
            for x in range(out.shape[1]):
                out[y, x] = plane[y0 + y, x0 + x]
        return
    blues, reds = _samples(head, 1, values), _samples(head, 2, values)
    blue, red = _plane(head, 1, blues), _plane(head, 2, reds)
    room = head.across * blue.shape[1] + LANES
    row_blue, row_red = np.empty(room, np.uint8), np.empty(room, np.uint8)
    sums = np.empty(blue.shape[1] + 2, np.int32)
    pixels, width, columns = out.reshape(-1), out.shape[1], 8 * (head.grids[0, RIGHT] - head.grids[0, LEFT])
    reach = 3 * LANES * steps(width, LANES) + LANES
    line = np.empty(reach, np.uint8)
    for y in range(out.shape[0]):
        _chroma_row(row_blue, sums, blue, y0 + y, head.across, head.down)
        _chroma_row(row_red, sums, red, y0 + y, head.across, head.down)
        begin, at = 3 * width * y, (y0 + y) * columns + x0
        inside = begin + reach <= pixels.size  # vectors reach beyond the row: the next one is written later
        target, to = (pixels, begin) if inside else (line, 0)
        for x in range(0, width, LANES):
            color_pixels(target, to + 3 * x, luma, at + x, row_blue, row_red, x0 + x)
        if not inside:
            pixels[begin : begin + 3 * width] = line[: 3 * width]


@kernel_function
def _samples(head, i, values):  # type: ignore[no-untyped-def]
    """Return the samples of a component's kept blocks, row by row, with room for a vector that begins in the last."""
    grid, table = head.grids[i], head.tables[i]
    rows, columns = grid[DOWN] * (head.bottom - head.top), grid[RIGHT] - grid[LEFT]
    samples = np.empty(64 * rows * columns + LANES, np.uint8)
    begin = 64 * grid[KEPT]
    for row in range(rows):
        for column in range(columns):
            idct_block(samples, 64 * row * columns + LANES * column, LANES * columns, values, begin, table)
            begin += 64
    return samples


@kernel_function
def _plane(head, i, samples):  # type: ignore[no-untyped-def]
    """Return the samples as a plane (height, width), without those outside of the image."""
    grid = head.grids[i]
    height = steps(head.height * grid[DOWN], head.down) - 8 * grid[TOP]
    width = steps(head.width * grid[ACROSS], head.across) - 8 * grid[LEFT]
    return samples[: samples.size - LANES].reshape(-1, 8 * (grid[RIGHT] - grid[LEFT]))[:height, :width]


@kernel_function
def _widen(row, sums, rounding, shift):  # type: ignore[no-untyped-def]
    """Write twice as many samples: three parts the nearer and one the farther of two; `rounding` of even and odd."""
    sums[0], sums[-1] = sums[1], sums[-2]
    for x in range(sums.size - 2):
        row[2 * x] = (3 * sums[x + 1] + sums[x] + rounding[0]) >> shift
        row[2 * x + 1] = (3 * sums[x + 1] + sums[x + 2] + rounding[1]) >> shift


@kernel_function
def _chroma_row(row, sums, plane, y, across, down):  # type: ignore[no-untyped-def]
    """Write row y of a chroma plane at full resolution: libjpeg's "fancy upsampling"; sums (width + 2,) int32."""
    width = plane.shape[1]
    if across == 1:
        row[:width] = plane[y]
    elif down == 1:
        sums[1:-1] = plane[y]
        _widen(row, sums, (1, 2), 2)
    else:
        other = y // 2 + (1 if y % 2 == 1 else -1)
        near, far = plane[y // 2], plane[min(max(other, 0), plane.shape[0] - 1)]
        for x in range(width):
            sums[x + 1] = 3 * np.int32(near[x]) + np.int32(far[x])
        _widen(row, sums, (8, 7), 4)
