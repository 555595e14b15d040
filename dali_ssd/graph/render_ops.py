"""Render with DALI's own operators: the same pixels as `graph.render`'s kernel, for the GPU.

Three steps after the decoder, each over as few pixels as there are left: resize the visible part (all filters of the
kernel, drawn per image), color matrix, then place, mirror and lay out at once. Placement is in whole network pixels,
so the outermost row or column beside the canvas is not blended with it as the kernel does; all else is the same.
"""

from __future__ import annotations

from typing import Any

from nvidia.dali import fn, math, types

from dali_ssd.config import RenderConfig
from dali_ssd.graph.plan import COLOR, FILTER, MIRROR, PLAN_SIZE, WINDOW

__all__ = ["render_with_operators"]


def render_with_operators(pixels: Any, plans: Any, regions: Any, config: RenderConfig) -> Any:
    """As `graph.render.render`, on the device of `pixels`; plans and regions stay on the host."""
    size = config.data_shape
    low, visible, source_low, source_high = _placement(plans, regions, size)
    resized = fn.resize(
        pixels,
        size=visible,
        roi_start=source_low,
        roi_end=source_high,
        interp_type=_filter(plans),
        antialias=False,  # only "area" widens when it shrinks, as OpenCV's filters do for GluonCV
        dtype=types.FLOAT,
    )
    color = fn.reshape(plans[COLOR:PLAN_SIZE], shape=[3, 4])
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


def _placement(plans: Any, regions: Any, size: int) -> tuple[Any, Any, Any, Any]:
    """Where the region comes to lie, in whole network pixels (y, x), and what part of it that is in its own pixels."""
    begin = fn.stack(plans[WINDOW + 1], plans[WINDOW])
    end = fn.stack(plans[WINDOW + 3], plans[WINDOW + 2])
    scale = float(size) / (end - begin)
    region_low = fn.cast(regions[0:2], dtype=types.FLOAT)
    region_high = region_low + fn.cast(regions[2:4], dtype=types.FLOAT)
    # A hundredth of a pixel of slack: 3.0000002 is 3, not 4.
    low = math.floor((region_low - begin) * scale + 0.01)
    high = math.max(math.ceil((region_high - begin) * scale - 0.01), low + 1.0)
    return low, high - low, low / scale + begin - region_low, high / scale + begin - region_low


def _crop_position(low: Any, visible: Any, size: int) -> Any:
    """The position, as a share of `visible - size`, at which a crop of `size` begins `low` pixels before the image."""
    room = visible - float(size)
    return -low * room / math.max(room * room, 0.5)


def _filter(plans: Any) -> Any:
    """`types.DALIInterpType` of each plan's filter: nearest, linear, cubic, triangular, Lanczos."""
    code = fn.cast(plans[FILTER], dtype=types.INT32)
    swapped = code + fn.cast(code == 3, dtype=types.INT32) - fn.cast(code == 4, dtype=types.INT32)
    return fn.cast(swapped, dtype=types.INTERP_TYPE)
