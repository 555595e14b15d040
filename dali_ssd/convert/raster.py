"""Turning boxes from the upright to the raw raster of an image.

Cameras store an image as the sensor recorded it and note in EXIF how to turn it. MXNet's `imdecode` ignores the note,
so labels must refer to the raw raster; annotations made in a viewer that turns images refer to the upright one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dali_ssd.records.format.image_header import Raster

__all__ = ["turn_to_raw"]


def turn_to_raw(boxes: NDArray[np.float64], raster: Raster) -> NDArray[np.float64]:
    """Return boxes (n, 4) in pixels of the upright raster as boxes in pixels of the raw one."""
    width, height = raster.upright_size
    left, top, right, bottom = boxes.reshape(-1, 4).T
    turned = {
        1: (left, top, right, bottom),
        2: (width - right, top, width - left, bottom),
        3: (width - right, height - bottom, width - left, height - top),
        4: (left, height - bottom, right, height - top),
        5: (top, left, bottom, right),
        6: (top, width - right, bottom, width - left),
        7: (height - bottom, width - right, height - top, width - left),
        8: (height - bottom, left, height - top, right),
    }
    return np.stack(turned[raster.orientation], axis=1)
