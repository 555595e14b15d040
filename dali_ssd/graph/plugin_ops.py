"""Render and make targets by the operators of this package's plugin, which are the same on a CPU and a GPU.

What the host has decided stays there: the plugin reads plans, regions and objects from host memory, so that they are
not copied one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from nvidia.dali import fn

from dali_ssd.config import RenderConfig, TargetConfig
from dali_ssd.graph.callback import dali_type
from dali_ssd.kernels.targets import anchor_tables

__all__ = ["encode_with_plugin", "render_with_plugin"]


def render_with_plugin(pixels: Any, plans: Any, regions: Any, config: RenderConfig, *, device: str) -> Any:
    """Render as `graph.render.render` does: pixels on `device`, plans and regions on the host."""
    return fn.ssd_render(  # type: ignore[attr-defined]
        pixels,
        plans,
        regions,
        size=config.data_shape,
        layout=config.layout[1:],
        dtype=dali_type(config.dtype),
        device=device,
    )


def encode_with_plugin(
    objects: Any, anchors: npt.NDArray[np.float32], targets: TargetConfig, *, device: str
) -> tuple[Any, Any]:
    """Return exact targets as `graph.targets.encode` does, on `device`; objects are on the host."""
    tables = anchor_tables(anchors)
    cls_targets, box_targets = fn.ssd_targets(  # type: ignore[attr-defined]
        objects,
        blocks=tables.blocks.ravel().tolist(),
        bounds=tables.bounds.ravel().tolist(),
        centers=tables.centers.ravel().tolist(),
        iou_threshold=targets.iou_threshold,
        stds=list(targets.stds),
        device=device,
    )
    return cls_targets, box_targets
