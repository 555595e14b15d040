"""Render: the decoded part of each image becomes the network's input, by a kernel, the plugin or DALI's operators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from dali_ssd.config import RenderConfig
from dali_ssd.graph.callback import RUN, SETUP, Kernel, compiled, cube, dims, vector
from dali_ssd.graph.where import Where
from dali_ssd.kernels.render import render_image

__all__ = ["render", "render_kernel"]


@functools.cache
def render_kernel() -> Kernel:
    """Return the kernel of pixels (h, w, 3) uint8, plan, region, layout (3, S) or (S, 3) -> (3, S, S) or (S, S, 3)."""

    def run_callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            render_image(
                cube(outs, out_shapes, 0, np.float32),
                cube(ins, in_shapes, 0, np.uint8),
                vector(ins, in_shapes, 1, np.float32),
                vector(ins, in_shapes, 2, np.int32),
                dims(out_shapes, 0, 0, 1, 3)[0] == 3,
            )

        return run

    def setup_callback(digest: str) -> Callable[..., None]:
        def setup(out_shapes, out_ndims, num_outs, in_shapes, in_ndims, num_ins, samples):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            for sample in range(samples):
                # A setup function sees shapes only, so the layout comes as the shape of an input: (3, S) or (S, 3).
                shape, layout = dims(out_shapes, 0, sample, samples, 3), dims(in_shapes, 3, sample, samples, 2)
                shape[0], shape[1], shape[2] = layout[0], max(layout[0], layout[1]), layout[1]

        return setup

    ins = (("uint8", 3), ("float32", 1), ("int32", 1), ("uint8", 2))
    return Kernel(compiled(RUN, run_callback), compiled(SETUP, setup_callback), ins, (("float32", 3),))


def render(pixels: Any, plans: Any, regions: Any, config: RenderConfig, *, where: Where) -> Any:
    """Render each image: by the kernel on the CPU, by the plugin or by DALI's operators on the GPU.

    Args:
        pixels: the decoded region on `where.device`, `(h, w, 3) uint8` RGB.
        plans, regions: as `graph.plan` makes them, on the host.

    Returns:
        `(3, S, S)`, or `(S, S, 3)` for NHWC, of `config.dtype`, on `where.device`.
    """
    if where.plugin:
        from dali_ssd.graph.plugin_ops import render_with_plugin

        return render_with_plugin(pixels, plans, regions, config, device=where.device)
    if where.device == "gpu":
        from dali_ssd.graph.render_ops import render_with_operators

        return render_with_operators(pixels, plans, regions, config)
    return _render_with_kernel(pixels, plans, regions, config)


def _render_with_kernel(pixels: Any, plans: Any, regions: Any, config: RenderConfig) -> Any:
    from nvidia.dali import fn, types

    size = config.data_shape
    layout = np.zeros((3, size) if config.layout == "NCHW" else (size, 3), np.uint8)
    images = render_kernel().in_graph(pixels, plans, regions, types.Constant(layout, device="cpu"))
    images = fn.reshape(images, layout=config.layout[1:])
    return fn.cast(images, dtype=types.FLOAT16) if config.dtype == "float16" else images
