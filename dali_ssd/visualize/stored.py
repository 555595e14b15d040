"""Pictures of records as they are stored: the raster that labels refer to, without regard to EXIF orientation."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import CoordinateUnit
from dali_ssd.errors import RecordError, RecordLocation
from dali_ssd.records.format.image_header import read_raster
from dali_ssd.records.format.labels import FRACTION_LIMIT, Objects, parse_label
from dali_ssd.records.format.recordio import Header
from dali_ssd.visualize.grid import Tile

__all__ = ["caption_of", "decoded", "stored_tile", "unit_of_boxes"]

_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
"""Flags by which OpenCV decodes images at a half, a quarter, and an eighth of their size."""


def stored_tile(
    header: Header,
    payload: bytes,
    place: RecordLocation,
    *,
    unit: CoordinateUnit | None = None,
    enough: int | None = None,
) -> Tile:
    """Return the picture of a record.

    Args:
        header, payload: label and image file.
        place: where the record is, for the caption and for errors.
        unit: of the label's boxes; None: pixels if any coordinate is too large for a fraction.
        enough: pixels of the longer side that are enough, so that large JPEGs are decoded faster; None: all.

    Raises:
        RecordError: the label or the image cannot be read.
    """
    objects = parse_label(header.label, place)
    raster = read_raster(payload)
    image = decoded(payload, place, enough=enough)
    sides = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
    if (unit or unit_of_boxes(objects)) == "pixel":
        whole = sides if raster is None else np.array([raster.width, raster.height] * 2, np.float32)
        sides = sides / whole
    return Tile(image, objects.boxes * sides, objects.class_ids, caption=caption_of(place))


def decoded(payload: bytes, place: RecordLocation, *, enough: int | None = None) -> NDArray[np.uint8]:
    """Return the raw raster of an image file, (H, W, 3) RGB, reduced as far as `enough` pixels a side are left.

    Raises RecordError if it cannot be decoded.
    """
    flags = _REDUCED.get(_reduction(payload, enough), cv2.IMREAD_COLOR) | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(payload, np.uint8), flags) if payload else None
    if image is None:
        raise RecordError("the image cannot be decoded; `dali-ssd check --decode` finds all such records", place)
    return np.ascontiguousarray(image[..., ::-1]).astype(np.uint8, copy=False)


def unit_of_boxes(objects: Objects) -> CoordinateUnit:
    """Return the unit that the boxes of one record seem to have."""
    return "pixel" if (np.abs(objects.boxes) > FRACTION_LIMIT).any() else "fraction"


def caption_of(place: RecordLocation) -> str:
    """Return the words by which `show --record` finds a record."""
    return f"{place.shard.name if place.shard else ''} record {place.key}".strip()


def _reduction(payload: bytes, enough: int | None) -> int:
    """Return the largest divisor of an image's sides that leaves the longer one `enough` pixels."""
    raster = None if enough is None else read_raster(payload)
    if raster is None or enough is None:
        return 1
    longer = max(raster.width, raster.height)
    return max((divisor for divisor in _REDUCED if longer // divisor >= enough), default=1)
