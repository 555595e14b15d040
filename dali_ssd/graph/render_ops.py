"""Render with DALI's operators, for the GPU: the pixels of `graph.render`'s kernel, except for `area` and canvas edges.

Three steps after the decoder, each over as few pixels as remain: resize the visible part (all filters of the kernel,
drawn per image), color matrix, then place, mirror and lay out at once. Placement is in whole network pixels: next to
the canvas the image ends at a pixel's edge, whereas the kernel blends it with the canvas over the filter's reach. DALI
has no mean over boxes: its triangle filter replaces `area`, with twice the width to shrink, which is a little softer,
and as `linear` to enlarge. Everything else is the same.
"""

from __future__ import annotations

from typing import Any

from nvidia.dali import fn, types

from dali_ssd.config import RenderConfig
from dali_ssd.graph.callback import dali_type
from dali_ssd.graph.conditional import merge, split
from dali_ssd.graph.placement import Placement, place

__all__ = ["render_with_operators"]


def render_with_operators(pixels: Any, plans: Any, regions: Any, config: RenderConfig) -> Any:
    """Render as `graph.render.render` does, on the device of `pixels`; plans and regions stay on the host."""
    size = config.data_shape
    placement = place(plans, regions, size)
    colored = fn.coord_transform(_resize(pixels, placement), MT=placement.color, dtype=types.FLOAT)
    return fn.crop_mirror_normalize(
        fn.reshape(colored, layout="HWC"),
        crop=[size, size],
        crop_pos_y=placement.top,
        crop_pos_x=placement.left,
        out_of_bounds_policy="pad",
        fill_values=[0.0],
        mirror=placement.mirrored,
        mean=[0.0],
        std=[1.0],
        dtype=dali_type(config.dtype),
        output_layout=config.layout[1:],
    )


def _resize(pixels: Any, placement: Placement) -> Any:
    """Resize each image's part with its own filter.

    Only the triangle for "area" widens when it shrinks. `antialias`, which turns that on, is one value per operator:
    the images are divided between two operators, each with a part of the batch.
    """
    resized = [
        fn.resize(
            part, size=size, roi_start=low, roi_end=high, interp_type=kind, antialias=antialias, dtype=types.FLOAT
        )
        for antialias, (part,), (size, low, high, kind) in zip(
            (True, False), split(placement.is_area, pixels), placement.resizes, strict=True
        )
    ]
    return merge(placement.is_area, *resized)
