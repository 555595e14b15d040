"""The checks of an image's head, each beside the kind of finding that it makes.

A check is a function of the image's `Raster` and of the file's size in bytes. It returns a message with the numbers,
or None if it finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dali_ssd.records.format.image_header import FORMATS, MAX_PIXELS, Raster
from dali_ssd.records.lint.kinds import WITHOUT_IT, Kind
from dali_ssd.util.words import counted

__all__ = ["IMAGE_CHECKS", "ImageCheck"]


class ImageCheck(NamedTuple):
    """A kind of finding, and the check that finds it."""

    kind: Kind
    find: Callable[[Raster, int], str | None]


def _what(raster: Raster) -> str:
    return f"{raster.format} of {raster.width}x{raster.height}"


def _unknown_format(raster: Raster, size: int) -> str | None:
    return None if raster.format in FORMATS else _what(raster)


def _turned_tiff(raster: Raster, size: int) -> str | None:
    if not raster.turned_tiff:
        return None
    return f"{_what(raster)} with an orientation tag, which only some readers follow"


def _huge(raster: Raster, size: int) -> str | None:
    if raster.width * raster.height <= MAX_PIXELS:
        return None
    return f"{_what(raster)} in {counted(size, 'byte')}"


def _truncated(raster: Raster, size: int) -> str | None:
    return None if raster.fault is None else f"{_what(raster)}: {raster.fault}"


def _refused(raster: Raster, size: int) -> str | None:
    if raster.fault is not None or raster.refused is None:
        return None
    return f"{_what(raster)}: {raster.refused}"


def _stray(raster: Raster, size: int) -> str | None:
    if raster.fault is not None or raster.refused is not None or not raster.stray:
        return None
    return f"{_what(raster)} with {counted(raster.stray, 'stray byte')} between its segments"


def _turned(raster: Raster, size: int) -> str | None:
    if raster.orientation == 1:
        return None
    return f"orientation {raster.orientation}, {_what(raster)} raw"


IMAGE_CHECKS: dict[str, ImageCheck] = {
    "unknown-format": ImageCheck(
        Kind(
            "error",
            "images in a format that is not decoded for training",
            WITHOUT_IT,
            repair="drop record",
            decodable=False,
        ),
        _unknown_format,
    ),
    "turned-tiff": ImageCheck(
        Kind(
            "error",
            "TIFFs with an orientation tag, which only some readers follow, so that boxes do not fit for all of them",
            f"pack them again, saved upright or as JPEG or PNG; or {WITHOUT_IT}",
            repair="drop record",
            decodable=False,
        ),
        _turned_tiff,
    ),
    "huge-image": ImageCheck(
        Kind(
            "error",
            "images of an absurd size (a decompression bomb?)",
            WITHOUT_IT,
            repair="drop record",
            decodable=False,
        ),
        _huge,
    ),
    "truncated-image": ImageCheck(
        Kind("error", "images that end too early", WITHOUT_IT, repair="drop record", decodable=False), _truncated
    ),
    "undecodable-image": ImageCheck(
        Kind("error", "images that cannot be decoded", WITHOUT_IT, repair="drop record", decodable=False), _refused
    ),
    "stray-bytes": ImageCheck(
        Kind(
            "error",
            "JPEGs with bytes in their head that belong to no segment, which DALI does not decode",
            "`dali-ssd check --fix OUT` takes the bytes out, without loss",
            repair="strip bytes",
            decodable=False,  # OpenCV decodes it, but training uses DALI
        ),
        _stray,
    ),
    "exif-rotation": ImageCheck(
        Kind(
            "note",
            "images with EXIF rotation",
            "labels must refer to the raw raster, as MXNet decodes it; `dali-ssd show` draws some",
        ),
        _turned,
    ),
}
"""Every check of an image's head by its kind's name, in the order of the findings on a record."""
