"""Place the decoded region of each image, on the host, for rendering by DALI's operators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from nvidia.dali import fn, types

from dali_ssd.graph.callback import RUN, SETUP, Kernel, compiled, dims, matrix, scalar, vector
from dali_ssd.graph.conditional import merge, split
from dali_ssd.kernels.placement import name_choices, place_region

__all__ = ["Placement", "choice_kernel", "place", "placement_kernel"]


class Placement(NamedTuple):
    """Nodes on the host with the arguments of DALI's operators."""

    color: Any
    """`(3, 4) float32`: the color matrix; 0 if the view shows none of the image."""
    top: Any
    """float32: `crop_pos_y` of `fn.crop_mirror_normalize`."""
    left: Any
    """float32: `crop_pos_x`."""
    mirrored: Any
    """int32: 1 if the view is mirrored."""
    is_area: Any
    """bool: True if the filter is `area`."""
    resizes: tuple[list[Any], list[Any]]
    """For images with the filter `area`, and for the others: size, low and high edge `(2,)` y x, and DALI's filter."""

    def whole(self) -> tuple[Any, ...]:
        """Return all nodes as a pipeline can output them, each with the whole batch."""
        merged = (merge(self.is_area, *parts) for parts in zip(*self.resizes, strict=True))
        return self.color, self.top, self.left, self.mirrored, *merged


def place(plans: Any, regions: Any, size: int) -> Placement:
    """Place the region of each image in a network input of `size` pixels; plans and regions are on the host."""
    # A kernel takes arrays: the size comes as the only element of one.
    side = types.Constant(np.array([size], np.int32), device="cpu")
    visible, low, high, top, left, color = placement_kernel().in_graph(plans, regions, side)
    kind, mirrored, is_area = choice_kernel().in_graph(plans)
    resizes = split(is_area, visible, low, high, fn.cast(kind, dtype=types.INTERP_TYPE))
    return Placement(color, top, left, mirrored, is_area, resizes)


@functools.cache
def placement_kernel() -> Kernel:
    """Return the kernel: plan, region, size (1,) -> visible, low, high, top, left, color of `place_region`."""

    def run_callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            place_region(
                vector(outs, out_shapes, 0, np.float32),
                vector(outs, out_shapes, 1, np.float32),
                vector(outs, out_shapes, 2, np.float32),
                scalar(outs, 3, np.float32),
                scalar(outs, 4, np.float32),
                matrix(outs, out_shapes, 5, np.float32),
                vector(ins, in_shapes, 0, np.float32),
                vector(ins, in_shapes, 1, np.int32),
                vector(ins, in_shapes, 2, np.int32)[0],
            )

        return run

    def setup_callback(digest: str) -> Callable[..., None]:
        def setup(out_shapes, out_ndims, num_outs, in_shapes, in_ndims, num_ins, samples):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            for sample in range(samples):
                for pair in range(3):
                    dims(out_shapes, pair, sample, samples, 1)[0] = 2
                color = dims(out_shapes, 5, sample, samples, 2)
                color[0], color[1] = 3, 4

        return setup

    ins = (("float32", 1), ("int32", 1), ("int32", 1))
    outs = (*[("float32", 1)] * 3, *[("float32", 0)] * 2, ("float32", 2))
    return Kernel(compiled(RUN, run_callback), compiled(SETUP, setup_callback), ins, outs)


@functools.cache
def choice_kernel() -> Kernel:
    """Return the kernel: plan -> DALI's filter, mirrored, is_area, scalars all; DALI takes six outputs at most."""

    def run_callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            name_choices(
                scalar(outs, 0, np.int32),
                scalar(outs, 1, np.int32),
                scalar(outs, 2, np.bool_),
                vector(ins, in_shapes, 0, np.float32),
            )

        return run

    def setup_callback(digest: str) -> Callable[..., None]:
        def setup(out_shapes, out_ndims, num_outs, in_shapes, in_ndims, num_ins, samples):  # type: ignore[no-untyped-def]
            digest  # noqa: B018

        return setup

    outs = (("int32", 0), ("int32", 0), ("bool", 0))
    return Kernel(compiled(RUN, run_callback), compiled(SETUP, setup_callback), (("float32", 1),), outs)
