"""Place the decoded region in the network's input, in whole network pixels, for rendering by DALI's operators.

Their filters do not blend at the edge of the canvas: a network pixel shows the image if its center does, so that no
filter is centered outside of the region, where `fn.resize` reads memory that is not the image's.
"""

from __future__ import annotations

import math

import numpy as np

from dali_ssd.config import INTERPOLATIONS
from dali_ssd.kernels.compile import kernel_function
from dali_ssd.kernels.plan import COLOR, FILTER, MIRROR, WINDOW

__all__ = ["DALI_FILTERS", "name_choices", "place_region"]

DALI_FILTERS = np.array([0, 1, 2, 4, 3], np.int32)
"""`types.DALIInterpType` of each of `config.INTERPOLATIONS`; of `area`, which DALI lacks, that of its triangle."""
_AREA = INTERPOLATIONS.index("area")

_CENTER = 0.499
"""Half a pixel, less a margin for rounding."""


@kernel_function
def place_region(visible, low, high, top, left, color, plan, region, size):  # type: ignore[no-untyped-def]
    """Write the arguments of DALI's operators for one image.

    Args:
        visible: `(2,) float32`, height and width of what the view shows, in network pixels.
        low, high: `(2,) float32` y x, the edges of that in the region's own pixels.
        top, left: `(1,) float32`, the position, as a share of `visible - size`, at which a crop of `size` begins.
        color: `(3, 4) float32`, the color matrix; 0 for a view that shows none of the image.
        plan, region: of the image, from `kernels.plan`.
        size: side of the network's input in pixels.
    """
    shown = True
    for axis in range(2):
        begin, end, scale, edge = _along(plan, region, size, axis)
        length = np.float32(region[2 + axis])
        first = math.ceil((edge - begin) * scale - np.float32(_CENTER))
        last = math.floor((edge + length - begin) * scale + np.float32(_CENTER))
        shown = shown and first < last and begin < edge + length and edge < end
        visible[axis], low[axis] = last, first
    for axis in range(2):
        begin, _, scale, edge = _along(plan, region, size, axis)
        # A region that is not shown becomes one pixel, which the color matrix of 0 then turns into 0.
        first = min(max(low[axis], np.float32(0)), np.float32(size - 1))
        last = max(visible[axis] if shown else np.float32(0), first + np.float32(1))
        visible[axis] = last - first
        low[axis] = first / scale + begin - edge if shown else np.float32(0)
        high[axis] = last / scale + begin - edge if shown else np.float32(1)
        room = visible[axis] - np.float32(size)
        begins = top if axis == 0 else left
        begins[0] = -first * room / max(room * room, np.float32(0.5))
    for i in range(12):
        color[i // 4, i % 4] = plan[COLOR + i] if shown else np.float32(0)


@kernel_function
def name_choices(kind, mirrored, is_area, plan):  # type: ignore[no-untyped-def]
    """Write DALI's number of the filter, 1 if the view is mirrored, and whether the filter is `area`, (1,) each."""
    kind[0] = DALI_FILTERS[int(plan[FILTER])]
    mirrored[0] = int(plan[MIRROR])
    is_area[0] = int(plan[FILTER]) == _AREA


@kernel_function
def _along(plan, region, size, axis):  # type: ignore[no-untyped-def]
    """Return, along y (0) or x (1): the window's begin and end, network pixels per source pixel, the region's begin."""
    begin, end = plan[WINDOW + 1 - axis], plan[WINDOW + 3 - axis]
    return begin, end, np.float32(size) / (end - begin), np.float32(region[axis])
