"""The plugin's operators on arrays, on a CPU or a GPU, by pipelines of nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from nvidia.dali import fn, pipeline_def, types

from dali_ssd.config import TargetConfig
from dali_ssd.kernels.targets import anchor_tables
from tests.support.cases import FULL_RANGE, View
from tests.support.pipes import arrays

Floats = npt.NDArray[np.float32]
Kind = Literal["cpu", "gpu"]
operators: Any = fn
"""DALI's operators, with those that the plugin adds."""
_MOST = 64
"""Samples of a batch."""
_TOLERANCE = FULL_RANGE / 255 / 100


def fed(pipeline: Any, **inputs: Sequence[npt.NDArray[Any]]) -> tuple[Any, ...]:
    """Run a pipeline on one batch of arrays for each of its external sources."""
    for name, batch in inputs.items():
        pipeline.feed_input(name, [np.ascontiguousarray(array) for array in batch])
    found: tuple[Any, ...] = pipeline.run()
    return found


def render_pipeline(size: int, layout: str = "CHW", dtype: str = "float32", device: Kind = "cpu") -> Any:
    """A pipeline of `ssd_render` with the external sources `pixels`, `plans` and `regions`."""

    @_definition(device)
    def define() -> Any:
        pixels, plans, regions = (fn.external_source(name=name) for name in ("pixels", "plans", "regions"))
        pixels = pixels.gpu() if device == "gpu" else pixels
        kind = {"float32": types.FLOAT, "float16": types.FLOAT16}[dtype]
        return operators.ssd_render(pixels, plans, regions, size=size, layout=layout, dtype=kind, device=device)

    return _built(define)


def target_pipeline(tables: dict[str, Any], device: Kind = "cpu") -> Any:
    """A pipeline of `ssd_targets` with the external source `objects`, and `target_options`."""

    @_definition(device)
    def define() -> Any:
        return tuple(operators.ssd_targets(fn.external_source(name="objects"), **tables, device=device))

    return _built(define)


def target_options(anchors: Floats, **changes: Any) -> dict[str, Any]:
    """The options of `ssd_targets` for center anchors (N, 4), with GluonCV's numbers."""
    blocks, bounds, centers = (table.ravel().tolist() for table in anchor_tables(anchors))
    config = TargetConfig()
    options = {"blocks": blocks, "bounds": bounds, "centers": centers}
    return {**options, "iou_threshold": config.iou_threshold, "stds": list(config.stds), **changes}


def rendered(
    views: Sequence[View], size: int, layout: str = "CHW", dtype: str = "float32", device: Kind = "cpu"
) -> list[npt.NDArray[Any]]:
    """What `ssd_render` makes of some views."""
    pixels, plans, regions = ([getattr(view, part) for view in views] for part in ("pixels", "plan", "region"))
    pipeline = _kept_render_pipeline(size, layout, dtype, device)
    return arrays(fed(pipeline, pixels=pixels, plans=plans, regions=regions)[0])


def encoded(pipeline: Any, objects: Sequence[Floats]) -> list[tuple[Floats, Floats]]:
    """Classes `(N,)` and offsets `(N, 4)` that a `target_pipeline` makes of objects `(m, 5)` of several images."""
    classes, offsets = fed(pipeline, objects=objects)
    return list(zip(arrays(classes), arrays(offsets), strict=True))


def render_limit(view: View) -> float:
    """A hundredth of a level, and more for colors whose range is wider than that of plain normalization."""
    return _TOLERANCE * max(1.0, 255 * float(np.abs(view.color[:, :3]).sum(axis=1).max()) / FULL_RANGE)


def _definition(device: Kind) -> Any:
    place = 0 if device == "gpu" else None
    return pipeline_def(batch_size=_MOST, num_threads=2, device_id=place, prefetch_queue_depth=1)


def _built(define: Any) -> Any:
    pipeline = define()
    pipeline.build()
    return pipeline


_kept_render_pipeline = cache(render_pipeline)
