"""SSD's pipelines: from records to the inputs of training or scoring, one step per line, in the order of the data.

`where` says on which device. On a CPU everything runs on the host. For a GPU, records are read and planned on the host,
nvJPEG gets the compressed image, and the plugin renders and encodes on the device; docs/gpu.md has what happens without
the plugin.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from nvidia.dali import pipeline_def

from dali_ssd.config import AugmentConfig, CoordinateUnit, RenderConfig, TargetConfig
from dali_ssd.graph.placement import place
from dali_ssd.graph.plan import draw_training_plan, plan_whole_image
from dali_ssd.graph.render import render
from dali_ssd.graph.source import ReaderSlice, corner_and_size, decode, image_shapes, read, source_info
from dali_ssd.graph.targets import encode, host_targets, padded_objects
from dali_ssd.graph.where import Where

__all__ = ["train", "val"]


@pipeline_def
def train(
    records: ReaderSlice,
    anchors: npt.NDArray[np.float32],
    augment: AugmentConfig,
    image: RenderConfig,
    targets: TargetConfig,
    *,
    initial_fill: int,
    upright: bool,
    unit: CoordinateUnit,
    where: Where,
    until: Literal["read", "plan", "place", "host", "decode", "render", "encode"] | None = None,
) -> tuple[Any, ...]:
    """Return images (3, S, S), targets, and each record's place as text.

    The targets are cls_targets (N,) and box_targets (N, 4), or objects (M, 5) if `targets` asks for boxes.

    `until`: stop after this step, with outputs such that DALI leaves out nothing before it, by which
    `dali-ssd bench --steps` measures what each step costs.
    """
    jpegs, labels = read(records, shuffle=True, initial_fill=initial_fill)
    if until == "read":
        return jpegs, labels
    plans, regions, objects = draw_training_plan(
        labels, image_shapes(jpegs, upright=upright), augment, image, unit=unit
    )
    if until == "plan":
        return jpegs, plans, regions, objects
    if until in ("place", "host"):  # for a GPU only; its plugin, as the CPU's kernel, places by itself
        placed = (plans, regions) if where.plugin else place(plans, regions, image.data_shape).whole()
        if until == "place":
            return jpegs, objects, *placed
        made = host_targets(objects, anchors, targets, where=where)
        return jpegs, objects, *placed, *made, *corner_and_size(regions), source_info(jpegs)
    pixels = decode(jpegs, regions, where=where, upright=upright, progressive=records.progressive)
    if until == "decode":
        return pixels, plans, regions, objects
    images = render(pixels, plans, regions, image, where=where)
    if until == "render":
        return images, plans, objects
    made = encode(objects, plans, anchors, targets, image.data_shape, where=where)
    if until == "encode":
        return images, *made
    return images, *made, source_info(jpegs)


@pipeline_def
def val(
    records: ReaderSlice, image: RenderConfig, *, upright: bool, unit: CoordinateUnit, where: Where
) -> tuple[Any, ...]:
    """Return images (3, S, S), labels (M, 6) in network pixels padded with -1, and each record's place as text."""
    jpegs, labels = read(records, shuffle=False)
    plans, regions, objects = plan_whole_image(labels, image_shapes(jpegs, upright=upright), image, unit=unit)
    pixels = decode(jpegs, regions, where=where, upright=upright, progressive=records.progressive)
    images = render(pixels, plans, regions, image, where=where)
    return images, padded_objects(objects), source_info(jpegs)
