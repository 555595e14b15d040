"""Plan: what is decided per image before a pixel of it is decoded, as operators of a graph."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from dali_ssd.config import AugmentConfig, CoordinateUnit, RenderConfig
from dali_ssd.graph.callback import RUN, SETUP, Kernel, compiled, dims, matrix, vector
from dali_ssd.kernels.plan import (
    PLAN_SIZE,
    plan_training_image,
    plan_validation_image,
    training_settings,
    validation_settings,
)

__all__ = ["draw_training_plan", "plan_whole_image", "training_kernel", "validation_kernel"]


_OUTS = (("float32", 1), ("int32", 1), ("float32", 2))


@functools.cache
def training_kernel() -> Kernel:
    """Return the kernel of label, shape, seed, settings -> plan, region, objects (n, 5)."""

    def callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            plan_training_image(
                vector(outs, out_shapes, 0, np.float32),
                vector(outs, out_shapes, 1, np.int32),
                matrix(outs, out_shapes, 2, np.float32),
                vector(ins, in_shapes, 0, np.float32),
                vector(ins, in_shapes, 1, np.int64),
                vector(ins, in_shapes, 2, np.uint32),
                vector(ins, in_shapes, 3, np.float32),
            )

        return run

    ins = (("float32", 1), ("int64", 1), ("uint32", 1), ("float32", 1))
    return Kernel(compiled(RUN, callback), _setup(5), ins, _OUTS)


@functools.cache
def validation_kernel() -> Kernel:
    """Return the kernel of label, shape, settings -> plan, region, objects (n, 6)."""

    def callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            plan_validation_image(
                vector(outs, out_shapes, 0, np.float32),
                vector(outs, out_shapes, 1, np.int32),
                matrix(outs, out_shapes, 2, np.float32),
                vector(ins, in_shapes, 0, np.float32),
                vector(ins, in_shapes, 1, np.int64),
                vector(ins, in_shapes, 2, np.float32),
            )

        return run

    return Kernel(compiled(RUN, callback), _setup(6), (("float32", 1), ("int64", 1), ("float32", 1)), _OUTS)


def draw_training_plan(
    labels: Any, shapes: Any, augment: AugmentConfig, render: RenderConfig, *, unit: CoordinateUnit = "fraction"
) -> tuple[Any, Any, Any]:
    """Draw the plan of each training image.

    Args:
        labels: label vectors, (length,) float32.
        shapes: image shapes, (3,) int64, height first.
        unit: of the labels' boxes, fractions of the image or its pixels.

    Returns:
        plans `(19,) float32`; regions to decode `(4,) int32` y x height width; objects `(n, 5) float32`
        xmin ymin xmax ymax id in network pixels, rows of -1 after the last.
    """
    from nvidia.dali import fn, types

    # Two words of 31 bits: a float32 range ends inexactly at 2^32.
    seeds = fn.random.uniform(range=[0, 2**31 - 128], shape=(2,), dtype=types.UINT32)
    settings = types.Constant(training_settings(augment, render, unit), device="cpu")
    return tuple(training_kernel().in_graph(labels, shapes, seeds, settings))


def plan_whole_image(
    labels: Any, shapes: Any, render: RenderConfig, *, unit: CoordinateUnit = "fraction"
) -> tuple[Any, Any, Any]:
    """Plan each validation image: the whole of it, no color change. Objects `(n, 6)` end with "difficult"."""
    from nvidia.dali import types

    settings = types.Constant(validation_settings(render, unit), device="cpu")
    return tuple(validation_kernel().in_graph(labels, shapes, settings))


def _setup(columns: int) -> Any:
    """Return the callback of the output shapes: plan, region, and as many rows of objects as the label could hold."""

    def callback(digest: str) -> Callable[..., None]:
        def setup(out_shapes, out_ndims, num_outs, in_shapes, in_ndims, num_ins, samples):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            for sample in range(samples):
                dims(out_shapes, 0, sample, samples, 1)[0] = PLAN_SIZE
                dims(out_shapes, 1, sample, samples, 1)[0] = 4
                objects = dims(out_shapes, 2, sample, samples, 2)
                objects[0] = max(dims(in_shapes, 0, sample, samples, 1)[0] // 5, 1)
                objects[1] = columns

        return setup

    return compiled(SETUP, callback)
