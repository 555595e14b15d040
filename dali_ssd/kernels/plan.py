"""The plan of an image: everything that is decided before a pixel is decoded, drawn by one kernel.

A plan is a float32 vector (the constants below name its slots), the region of the source to decode, and the objects
that the view shows. It is a kernel, not DALI operators, because the rules are GluonCV's to the pixel, boxes slightly
outside the image must not abort the run as they do in `fn.random_bbox_crop`, and forty small operators would cost more
than the work.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dali_ssd.config import INTERPOLATIONS, AugmentConfig, CoordinateUnit, RenderConfig
from dali_ssd.kernels.augment.color import COLOR_SETTINGS, color_settings, draw_color, normalization
from dali_ssd.kernels.augment.crop import CROP_SETTINGS, crop_settings, draw_window, objects_in_window
from dali_ssd.kernels.compile import kernel_function, pack_arrays, pack_record, unpack_array, unpack_record
from dali_ssd.kernels.random import below, chance, generator

__all__ = [
    "COLOR",
    "COUNT",
    "FILTER",
    "MIRROR",
    "PLAN_SIZE",
    "WINDOW",
    "parse_label",
    "plan_training_image",
    "plan_validation_image",
    "training_settings",
    "validation_settings",
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

NETWORK_SETTINGS = np.dtype([("size", np.float32), ("in_pixels", np.float32), ("mirror_probability", np.float32)])
"""The options of the network's input and of the labels that both kernels need."""

_NETWORK, _COLOR, _CROP, _MIN_IOUS, _FILTERS = range(5)
"""Position of each array in the packed settings; validation has the first two."""

_LINEAR, _CUBIC, _AREA = (INTERPOLATIONS.index(name) for name in ("linear", "cubic", "area"))


@kernel_function
def parse_label(label, width, height, in_pixels, boxes, ids, difficult):  # type: ignore[no-untyped-def]
    """Read the objects of a label vector `[A, B, header..., (id, xmin, ymin, xmax, ymax, extra...) * n]`.

    Fills `boxes` (n, 4) float64 in source pixels, `ids` and `difficult` (n,), and returns the number of objects.
    Anything that is not an object is skipped: an id below 0, a box without area, a value that is not finite, a label
    too short for its own header. `dali-ssd check` names those; a kernel cannot report them.
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


@kernel_function
def plan_training_image(plan, region, objects, label, shape, seed, settings):  # type: ignore[no-untyped-def]
    """Draw the plan of one training image; `objects` (capacity, 5) are those that its window shows."""
    height, width = shape[0], shape[1]
    network, filters = unpack_record(settings, _NETWORK, NETWORK_SETTINGS), unpack_array(settings, _FILTERS)
    boxes, ids, _ = _read_objects(label, height, width, network.in_pixels > 0, objects.shape[0])
    state = generator(seed)
    colors = draw_color(state, unpack_record(settings, _COLOR, COLOR_SETTINGS))
    crop, min_ious = unpack_record(settings, _CROP, CROP_SETTINGS), unpack_array(settings, _MIN_IOUS)
    window = draw_window(state, boxes, height, width, crop, min_ious)
    interpolation = filters[below(state, filters.size)]
    mirrored = chance(state, network.mirror_probability)
    plan[COUNT] = objects_in_window(boxes, ids, window, mirrored, network.size, objects)
    _region(window, height, width, region)
    _write(plan, window, mirrored, interpolation, colors)


@kernel_function
def plan_validation_image(plan, region, objects, label, shape, settings):  # type: ignore[no-untyped-def]
    """Plan one validation image, which is shown whole; `objects` (capacity, 6) end with "difficult"."""
    height, width = shape[0], shape[1]
    network = unpack_record(settings, _NETWORK, NETWORK_SETTINGS)
    size, normalize = network.size, unpack_array(settings, _COLOR).reshape(3, 4)
    boxes, ids, difficult = _read_objects(label, height, width, network.in_pixels > 0, objects.shape[0])
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


def training_settings(augment: AugmentConfig, render: RenderConfig, unit: CoordinateUnit) -> npt.NDArray[np.float32]:
    """Return the options as the training kernel takes them."""
    filters = [INTERPOLATIONS.index(name) for name in augment.interpolations]
    network = pack_record(NETWORK_SETTINGS, render.data_shape, unit == "pixel", augment.mirror_probability)
    color, crop = color_settings(augment, render), crop_settings(augment)
    return pack_arrays(network, color, crop, augment.crop_min_iou, filters)


def validation_settings(render: RenderConfig, unit: CoordinateUnit) -> npt.NDArray[np.float32]:
    """Return the options as the validation kernel takes them."""
    return pack_arrays(pack_record(NETWORK_SETTINGS, render.data_shape, unit == "pixel", 0), normalization(render))


@kernel_function
def _region(window, height, width, region):  # type: ignore[no-untyped-def]
    """Write the part of the window that lies in the image, `y x height width`; one pixel of the image if none does."""
    x0, y0 = max(window[0], 0), max(window[1], 0)
    x1, y1 = min(window[2], width), min(window[3], height)
    if x0 >= x1 or y0 >= y1:
        x0, y0, x1, y1 = 0, 0, 1, 1
    region[:] = (y0, x0, y1 - y0, x1 - x0)


@kernel_function
def _write(plan, window, mirrored, interpolation, color):  # type: ignore[no-untyped-def]
    plan[WINDOW : WINDOW + 4] = window
    plan[MIRROR] = mirrored
    plan[FILTER] = interpolation
    plan[COLOR:PLAN_SIZE] = color.ravel()


@kernel_function
def _read_objects(label, height, width, in_pixels, capacity):  # type: ignore[no-untyped-def]
    boxes, ids, difficult = np.empty((capacity, 4)), np.empty(capacity), np.empty(capacity)
    count = parse_label(label, width, height, in_pixels, boxes, ids, difficult)
    return boxes[:count], ids[:count], difficult[:count]
