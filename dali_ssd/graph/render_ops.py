"""Render with DALI's operators, for the GPU: the pixels of `graph.render`'s kernel, except for `area` and canvas edges.

Three steps after the decoder, each over as few pixels as remain: resize the visible part (all filters of the kernel,
drawn per image), color matrix, then place, mirror and lay out at once. Placement is in whole network pixels: next to
the canvas the image ends at a pixel's edge, whereas the kernel blends it with the canvas over the filter's reach. DALI
has no mean over boxes: its triangle filter replaces `area`, with twice the width to shrink, which is a little softer,
and as `linear` to enlarge. Everything else is the same.
"""

from __future__ import annotations

from typing import Any

from nvidia.dali import fn, math, types

from dali_ssd.config import INTERPOLATIONS, RenderConfig
from dali_ssd.graph.conditional import merge, split
from dali_ssd.kernels.plan import COLOR, FILTER, MIRROR, PLAN_SIZE, WINDOW

__all__ = ["render_with_operators"]

_CENTER = 0.499
"""Half a pixel, less a margin for rounding."""
_AREA, _LANCZOS = INTERPOLATIONS.index("area"), INTERPOLATIONS.index("lanczos")


def render_with_operators(pixels: Any, plans: Any, regions: Any, config: RenderConfig) -> Any:
    """Render as `graph.render.render` does, on the device of `pixels`; plans and regions stay on the host."""
    size = config.data_shape
    low, visible, source_low, source_high, shown = _placement(plans, regions, size)
    resized = _resize(pixels, visible, source_low, source_high, plans)
    color = fn.reshape(plans[COLOR:PLAN_SIZE] * shown, shape=[3, 4])
    colored = fn.coord_transform(resized, MT=color, dtype=types.FLOAT)
    return fn.crop_mirror_normalize(
        fn.reshape(colored, layout="HWC"),
        crop=[size, size],
        crop_pos_y=_crop_position(low[0], visible[0], size),
        crop_pos_x=_crop_position(low[1], visible[1], size),
        out_of_bounds_policy="pad",
        fill_values=[0.0],
        mirror=fn.cast(plans[MIRROR], dtype=types.INT32),
        mean=[0.0],
        std=[1.0],
        dtype=types.FLOAT16 if config.dtype == "float16" else types.FLOAT,
        output_layout=config.layout[1:],
    )


def _resize(pixels: Any, visible: Any, source_low: Any, source_high: Any, plans: Any) -> Any:
    """Resize each image's part with its own filter.

    Only the triangle for "area" widens when it shrinks. `antialias`, which turns that on, is one value per operator:
    the images are divided between two operators, each with a part of the batch.
    """
    is_area = plans[FILTER] == float(_AREA)
    branches = split(is_area, pixels, visible, source_low, source_high, _filter(plans))
    resized = [
        fn.resize(
            part, size=size, roi_start=low, roi_end=high, interp_type=kind, antialias=antialias, dtype=types.FLOAT
        )
        for antialias, (part, size, low, high, kind) in zip((True, False), branches, strict=True)
    ]
    return merge(is_area, *resized)


def _placement(plans: Any, regions: Any, size: int) -> tuple[Any, Any, Any, Any, Any]:
    """Compute the region's place in the network's input.

    Returns, each (y, x): its low edge and its size in whole network pixels; the low and high edge of what that shows,
    in the region's own pixels; and a number, 1, or 0 if the view shows none of the image.

    A network pixel shows the image if its center does, so that no filter is centered outside of the region, where
    `fn.resize` reads memory that is not the image's.
    """
    begin = fn.stack(plans[WINDOW + 1], plans[WINDOW])
    end = fn.stack(plans[WINDOW + 3], plans[WINDOW + 2])
    scale = float(size) / (end - begin)
    region_low = fn.cast(regions[0:2], dtype=types.FLOAT)
    region_high = region_low + fn.cast(regions[2:4], dtype=types.FLOAT)
    low = math.ceil((region_low - begin) * scale - _CENTER)
    high = math.floor((region_high - begin) * scale + _CENTER)
    shown = fn.reductions.min(fn.cast((low < high) & (begin < region_high) & (region_low < end), dtype=types.FLOAT))
    # A region that is not shown becomes one pixel, which the color matrix, times 0, then turns into 0.
    low = math.clamp(low, 0.0, size - 1.0)
    high = math.max(high * shown, low + 1.0)
    source_low = (low / scale + begin - region_low) * shown
    source_high = (high / scale + begin - region_low) * shown + (1.0 - shown)
    return low, high - low, source_low, source_high, shown


def _crop_position(low: Any, visible: Any, size: int) -> Any:
    """Return the position of a crop of `size`, `low` pixels before the image, as a share of `visible - size`."""
    room = visible - float(size)
    return -low * room / math.max(room * room, 0.5)


def _filter(plans: Any) -> Any:
    """Return `types.DALIInterpType` of each plan's filter: nearest, linear, cubic, triangular, Lanczos."""
    code = fn.cast(plans[FILTER], dtype=types.INT32)
    swapped = code + fn.cast(code == _AREA, dtype=types.INT32) - fn.cast(code == _LANCZOS, dtype=types.INT32)
    return fn.cast(swapped, dtype=types.INTERP_TYPE)
