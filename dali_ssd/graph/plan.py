"""The plan of an image: everything that is decided before a pixel is decoded, drawn by one kernel.

A plan is a float32 vector (the constants below name its slots), the region of the source to decode, and the objects
that the view shows. Kernel, not DALI operators, because the rules are GluonCV's to the pixel, boxes a hair outside the
image must not abort the run as they do in `fn.random_bbox_crop`, and forty small operators cost more than the work.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dali_ssd.config import INTERPOLATIONS, AugmentConfig, RenderConfig
from dali_ssd.graph.kernel import RUN, SETUP, Kernel, compiled, dims, inner, joined, matrix, part, vector
from dali_ssd.kernels.augment.color import color_settings, draw_color, normalization
from dali_ssd.kernels.augment.crop import draw_window, objects_in_window, view_settings
from dali_ssd.kernels.random import below, chance, generator

__all__ = [
    "COLOR",
    "COUNT",
    "FILTER",
    "MIRROR",
    "PLAN_SIZE",
    "WINDOW",
    "draw_training_plan",
    "parse_label",
    "plan_whole_image",
    "training_kernel",
    "training_settings",
    "whole_image_kernel",
    "whole_image_settings",
]

WINDOW = 0
"""Slots 0..3: x0 y0 x1 y1 of the view in source pixels."""
MIRROR = 4
"""1: the view is mirrored left to right."""
FILTER = 5
"""Resampling filter, a position in `config.INTERPOLATIONS`."""
COUNT = 6
"""Number of objects that the view shows."""
COLOR = 7
"""Slots 7..18: the 3x4 color matrix, row by row, from RGB of 0..255 to the network's input."""
PLAN_SIZE = 19

_LINEAR, _CUBIC, _AREA = (INTERPOLATIONS.index(name) for name in ("linear", "cubic", "area"))


@inner
def parse_label(label, width, height, in_pixels, boxes, ids, difficult):  # type: ignore[no-untyped-def]
    """Read the objects of a label vector `[A, B, header..., (id, xmin, ymin, xmax, ymax, extra...) * n]`.

    Fills `boxes` (n, 4) float64 in source pixels, `ids` and `difficult` (n,), and returns the number of objects.
    Anything that is no object is passed over: an id below 0, a box without area, a value that is not finite, a label
    too short for its own header. `dali-ssd check` names those; a kernel has nobody to tell.
    """
    if label.size < 2 or not (2 <= label[0] <= label.size and 5 <= label[1] <= label.size):
        return 0
    start, step = int(label[0]), int(label[1])
    scale_x, scale_y = (1.0, 1.0) if in_pixels else (float(width), float(height))
    count = 0
    for row in range(start, label.size - step + 1, step):
        x0, y0 = label[row + 1] * scale_x, label[row + 2] * scale_y
        x1, y1 = label[row + 3] * scale_x, label[row + 4] * scale_y
        usable = label[row] >= 0 and x0 < x1 and y0 < y1 and np.isfinite(x1 - x0) and np.isfinite(y1 - y0)
        if usable and count < ids.size:
            boxes[count] = (x0, y0, x1, y1)
            ids[count] = label[row]
            difficult[count] = step > 5 and label[row + 5] != 0
            count += 1
    return count


@inner
def _region(window, height, width, region):  # type: ignore[no-untyped-def]
    """The part of the window that lies in the image, `y x height width`; one pixel of the image where there is none."""
    x0, y0 = max(window[0], 0), max(window[1], 0)
    x1, y1 = min(window[2], width), min(window[3], height)
    if x0 >= x1 or y0 >= y1:
        x0, y0, x1, y1 = 0, 0, 1, 1
    region[:] = (y0, x0, y1 - y0, x1 - x0)


@inner
def _write(plan, window, mirrored, interpolation, color):  # type: ignore[no-untyped-def]
    plan[WINDOW : WINDOW + 4] = window
    plan[MIRROR] = mirrored
    plan[FILTER] = interpolation
    plan[COLOR:PLAN_SIZE] = color.ravel()


@inner
def _read_objects(label, height, width, in_pixels, capacity):  # type: ignore[no-untyped-def]
    boxes, ids, difficult = np.empty((capacity, 4)), np.empty(capacity), np.empty(capacity)
    count = parse_label(label, width, height, in_pixels, boxes, ids, difficult)
    return boxes[:count], ids[:count], difficult[:count]


@inner
def _plan_training(plan, region, objects, label, shape, seed, settings):  # type: ignore[no-untyped-def]
    height, width = shape[0], shape[1]
    view, color, other = part(settings, 0), part(settings, 1), part(settings, 2)
    size, in_pixels, mirror_probability, filters = other[0], other[1] > 0, other[2], other[3:]
    boxes, ids, _ = _read_objects(label, height, width, in_pixels, objects.shape[0])
    state = generator(seed)
    colors = draw_color(state, color)
    window = draw_window(state, boxes, height, width, view)
    interpolation = filters[below(state, filters.size)]
    mirrored = chance(state, mirror_probability)
    plan[COUNT] = objects_in_window(boxes, ids, window, mirrored, size, objects)
    _region(window, height, width, region)
    _write(plan, window, mirrored, interpolation, colors)


@inner
def _plan_whole_image(plan, region, objects, label, shape, settings):  # type: ignore[no-untyped-def]
    height, width = shape[0], shape[1]
    size, in_pixels, normalize = settings[0], settings[1] > 0, settings[2:].reshape(3, 4)
    boxes, ids, difficult = _read_objects(label, height, width, in_pixels, objects.shape[0])
    objects[:] = -1
    for i in range(ids.size):
        objects[i, 0], objects[i, 2] = boxes[i, 0] * size / width, boxes[i, 2] * size / width
        objects[i, 1], objects[i, 3] = boxes[i, 1] * size / height, boxes[i, 3] * size / height
        objects[i, 4], objects[i, 5] = ids[i], difficult[i]
    # OpenCV's advice, and GluonCV's choice for validation: cubic to enlarge, area to shrink, linear for a mixture.
    interpolation = _LINEAR
    if size > height and size > width:
        interpolation = _CUBIC
    elif size < height and size < width:
        interpolation = _AREA
    window = (0, 0, width, height)
    plan[COUNT] = ids.size
    _region(window, height, width, region)
    _write(plan, window, False, interpolation, normalize)


def _set_up(columns: int) -> Any:
    """Output shapes: plan, region, and as many rows of objects as the label could hold."""

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


_OUTS = (("float32", 1), ("int32", 1), ("float32", 2))


@functools.cache
def training_kernel() -> Kernel:
    """label, shape, seed, settings -> plan, region, objects (n, 5)."""

    def callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            _plan_training(
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
    return Kernel(compiled(RUN, callback), _set_up(5), ins, _OUTS)


@functools.cache
def whole_image_kernel() -> Kernel:
    """label, shape, settings -> plan, region, objects (n, 6)."""

    def callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            _plan_whole_image(
                vector(outs, out_shapes, 0, np.float32),
                vector(outs, out_shapes, 1, np.int32),
                matrix(outs, out_shapes, 2, np.float32),
                vector(ins, in_shapes, 0, np.float32),
                vector(ins, in_shapes, 1, np.int64),
                vector(ins, in_shapes, 2, np.float32),
            )

        return run

    return Kernel(compiled(RUN, callback), _set_up(6), (("float32", 1), ("int64", 1), ("float32", 1)), _OUTS)


def training_settings(augment: AugmentConfig, render: RenderConfig, in_pixels: bool) -> npt.NDArray[np.float32]:
    """The options as the training kernel takes them: view, color, other."""
    filters = [INTERPOLATIONS.index(name) for name in augment.interpolations]
    other = [render.data_shape, in_pixels, augment.mirror_probability, *filters]
    return joined(view_settings(augment), color_settings(augment, render), other)


def whole_image_settings(render: RenderConfig, in_pixels: bool) -> npt.NDArray[np.float64]:
    """The options as the validation kernel takes them."""
    return np.array([render.data_shape, in_pixels, *normalization(render).ravel()], np.float64)


def draw_training_plan(
    labels: Any, shapes: Any, augment: AugmentConfig, render: RenderConfig, *, in_pixels: bool = False
) -> tuple[Any, Any, Any]:
    """Draw the plan of each training image.

    Args:
        labels: label vectors, (length,) float32.
        shapes: image shapes, (3,) int64, height first.
        in_pixels: labels are in source pixels instead of fractions of the image.

    Returns:
        plans `(19,) float32`; regions to decode `(4,) int32` y x height width; objects `(n, 5) float32`
        xmin ymin xmax ymax id in network pixels, rows of -1 after the last.
    """
    from nvidia.dali import fn, types

    # Two words of 31 bits: a float32 range ends inexactly at 2^32.
    seeds = fn.random.uniform(range=[0, 2**31 - 128], shape=(2,), dtype=types.UINT32)
    settings = types.Constant(training_settings(augment, render, in_pixels), device="cpu")
    return tuple(training_kernel().in_graph(labels, shapes, seeds, settings))


def plan_whole_image(
    labels: Any, shapes: Any, render: RenderConfig, *, in_pixels: bool = False
) -> tuple[Any, Any, Any]:
    """Plan each validation image: the whole of it, no color change. Objects `(n, 6)` end with "difficult"."""
    from nvidia.dali import types

    settings = types.Constant(np.float32(whole_image_settings(render, in_pixels)), device="cpu")
    return tuple(whole_image_kernel().in_graph(labels, shapes, settings))
