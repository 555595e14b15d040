"""The view: the window of the image, or of a larger canvas around it, that becomes the network's input.

A window is `(x0, y0, x1, y1)` in whole source pixels, image at (0, 0); it may reach outside the image, where everything
has the mean color ("expand"). It is drawn from the labels and the image's size alone, before a pixel is decoded.
Distribution: GluonCV's `random_expand` and `random_crop_with_constraints`, pixel for pixel; the SSD paper, section 2.2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dali_ssd.config import AugmentConfig
from dali_ssd.kernels.compile import kernel_function, pack_record
from dali_ssd.kernels.random import below, chance, uniform

__all__ = ["CROP_SETTINGS", "crop_settings", "draw_window", "objects_in_window"]


CROP_SETTINGS = np.dtype(
    [
        ("expand_probability", np.float32),
        ("expand_ratio", np.float32, 2),
        ("scale", np.float32, 2),
        ("aspect", np.float32, 2),
        ("attempts", np.float32),
    ]
)
"""The options that `draw_window` needs, apart from the minimum IoUs."""


def crop_settings(augment: AugmentConfig) -> npt.NDArray[np.float32]:
    """Return the options as a packed record of `CROP_SETTINGS`."""
    return pack_record(
        CROP_SETTINGS,
        augment.expand_probability,
        augment.expand_ratio,
        augment.crop_scale,
        augment.crop_aspect,
        augment.crop_attempts,
    )


@kernel_function
def draw_window(state, boxes, height, width, settings, min_ious):  # type: ignore[no-untyped-def]
    """Draw the window of one image: `(x0, y0, x1, y1)` int64 source pixels.

    `boxes` (n, 4) float64 in source pixels; `settings` a record of `CROP_SETTINGS`. One candidate crop is searched per
    minimum IoU; one candidate, or the whole canvas, is drawn among those that show an object.
    """
    canvas = _draw_canvas(state, height, width, settings)
    if boxes.shape[0] == 0:
        return _draw_crop(state, canvas, settings)
    candidates = np.empty((len(min_ious) + 1, 4), np.int64)
    candidates[0] = canvas
    found = 1
    for min_iou in min_ious:
        for _ in range(int(settings.attempts)):
            x0, y0, x1, y1 = _draw_crop(state, canvas, settings)
            if _covers_all(boxes, x0, y0, x1, y1, min_iou):
                candidates[found] = (x0, y0, x1, y1)
                found += 1
                break
    while found > 0:
        pick = below(state, found)
        window = (candidates[pick, 0], candidates[pick, 1], candidates[pick, 2], candidates[pick, 3])
        if _any_inside(boxes, window):
            return window
        found -= 1
        candidates[pick:found] = candidates[pick + 1 : found + 1]
    return canvas


@kernel_function
def objects_in_window(boxes, ids, window, mirrored, size, objects):  # type: ignore[no-untyped-def]
    """Write the objects that the window shows, in network pixels of 0..size, and return how many.

    `boxes` (n, 4) float64 source pixels and `ids` (n,) -> `objects` (capacity, 5) float32; rows of -1 after the last. A
    box so small that float32 leaves it no width or height is not shown: no anchor overlaps it, and networks that match
    boxes themselves refuse it.
    """
    x0, y0, x1, y1 = window
    scale_x, scale_y = size / (x1 - x0), size / (y1 - y0)
    kept = 0
    for i in range(ids.size):
        if not _inside(boxes[i], x0, y0, x1, y1):
            continue
        left = (max(boxes[i, 0], x0) - x0) * scale_x
        right = (min(boxes[i, 2], x1) - x0) * scale_x
        objects[kept, 0] = size - right if mirrored else left
        objects[kept, 1] = (max(boxes[i, 1], y0) - y0) * scale_y
        objects[kept, 2] = size - left if mirrored else right
        objects[kept, 3] = (min(boxes[i, 3], y1) - y0) * scale_y
        objects[kept, 4] = ids[i]
        kept += objects[kept, 0] < objects[kept, 2] and objects[kept, 1] < objects[kept, 3]
    objects[kept:] = -1
    return kept


@kernel_function
def _draw_canvas(state, height, width, settings):  # type: ignore[no-untyped-def]
    """Draw the canvas `(x0, y0, x1, y1)` that the image lies on, in source pixels; the image itself if not expanded."""
    if not chance(state, settings.expand_probability):
        return 0, 0, width, height
    ratio = uniform(state, settings.expand_ratio[0], settings.expand_ratio[1])
    canvas_width, canvas_height = int(width * ratio), int(height * ratio)
    top = -below(state, canvas_height - height + 1)
    left = -below(state, canvas_width - width + 1)
    return left, top, left + canvas_width, top + canvas_height


@kernel_function
def _covers_all(boxes, x0, y0, x1, y1, min_iou):  # type: ignore[no-untyped-def]
    """Return whether the crop has at least this IoU with every box."""
    area = (x1 - x0) * (y1 - y0)
    for i in range(boxes.shape[0]):
        shared_width = min(boxes[i, 2], x1) - max(boxes[i, 0], x0)
        shared_height = min(boxes[i, 3], y1) - max(boxes[i, 1], y0)
        shared = max(shared_width, 0.0) * max(shared_height, 0.0)
        union = area + (boxes[i, 2] - boxes[i, 0]) * (boxes[i, 3] - boxes[i, 1]) - shared
        if not shared >= min_iou * union:
            return False
    return True


@kernel_function
def _inside(box, x0, y0, x1, y1):  # type: ignore[no-untyped-def]
    """Return whether the box's center and a part of its area are in the window."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return x0 <= x < x1 and y0 <= y < y1 and max(box[0], x0) < min(box[2], x1) and max(box[1], y0) < min(box[3], y1)


@kernel_function
def _any_inside(boxes, window):  # type: ignore[no-untyped-def]
    for i in range(boxes.shape[0]):
        if _inside(boxes[i], window[0], window[1], window[2], window[3]):
            return True
    return False


@kernel_function
def _draw_crop(state, canvas, settings):  # type: ignore[no-untyped-def]
    """Draw one crop of the canvas, of whole pixels and at least one."""
    left, top, right, bottom = canvas
    width, height = right - left, bottom - top
    scale = uniform(state, settings.scale[0], settings.scale[1])
    low, high = max(settings.aspect[0], scale * scale), min(settings.aspect[1], 1 / (scale * scale))
    aspect = uniform(state, low, high)
    crop_height = min(max(int(height * scale / np.sqrt(aspect)), 1), height)
    crop_width = min(max(int(width * scale * np.sqrt(aspect)), 1), width)
    y = top + below(state, height - crop_height)
    x = left + below(state, width - crop_width)
    return x, y, x + crop_width, y + crop_height
