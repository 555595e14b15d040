"""What the head of an image file tells without decoding: real size, format, channels, orientation."""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

from PIL import Image

from dali_ssd.records.format.image_faults import find_faults
from dali_ssd.records.format.jpeg import Jpeg, read_jpeg

__all__ = ["FORMATS", "MAX_PIXELS", "Raster", "read_raster"]

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")
"""Formats that DALI decodes, by Pillow's names; MXNet's wheel has no decoder for WEBP, nor for deep PPM and TIFF."""
MAX_PIXELS = 1 << 27
"""Largest image that is taken for one: 134 million pixels, 400 MB once decoded. A few bytes can claim much more."""

_ORIENTATION_TAG = 0x0112


class Raster(NamedTuple):
    """An image file's raw raster."""

    width: int
    height: int
    orientation: int
    """EXIF orientation, 1 to 8; 1 is upright."""
    format: str
    mode: str = "RGB"
    """Pillow's name of the channels, such as L for gray, CMYK, RGBA."""
    fault: str | None = None
    """What the file's structure shows to be missing; None if nothing."""
    progressive: bool = False
    """Whether it is a JPEG that comes in passes over the whole image."""
    refused: str | None = None
    """Why decoders refuse the image, as far as its head tells; None if they do not."""
    stray: int = 0
    """Bytes in a JPEG's head that belong to no segment, for which DALI refuses it."""
    turned_tiff: bool = False
    """Whether it is a TIFF that asks to be turned, which some decoders do and some do not: its size is Pillow's."""

    @property
    def kind(self) -> str:
        """Format, channels, and whether it is progressive, in words."""
        return f"{self.format} {self.mode}{' (progressive)' if self.progressive else ''}"

    @property
    def quarter_turn(self) -> bool:
        """Whether the upright raster has width and height exchanged."""
        return self.orientation >= 5

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the upright raster."""
        return (self.height, self.width) if self.quarter_turn else (self.width, self.height)


def read_raster(data: bytes) -> Raster | None:
    """Size, orientation, format, channels and structure of an image file, without decoding it; None if it is none.

    JPEGs are read here, the rest by Pillow, which takes ten times as long.
    """
    found = read_jpeg(data)
    if found is not None:
        return _from_jpeg(found) if found.width and found.height else None
    return _by_pillow(data)


def _orientation(exif: object) -> int:
    if not isinstance(exif, bytes) or not exif:
        return 1
    tags = Image.Exif()
    try:
        tags.load(exif)
        return _tagged(tags)
    except Exception:  # Pillow raises all sorts on damaged EXIF; viewers and decoders then show the image as it is
        return 1


def _tagged(tags: Image.Exif) -> int:
    value = tags.get(_ORIENTATION_TAG, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turned_tiff(image: Image.Image) -> bool:
    try:
        return image.format == "TIFF" and _tagged(image.getexif()) != 1
    except Exception:  # as above: a tag that cannot be read is none
        return False


def _from_jpeg(found: Jpeg) -> Raster:
    mode = {1: "L", 3: "RGB", 4: "CMYK"}.get(found.components, f"{found.components} components")
    stray = sum(end - first for first, end in found.stray)
    orientation = _orientation(found.exif)
    return Raster(
        *(found.width, found.height, orientation, "JPEG", mode, found.fault, found.progressive, found.refused, stray)
    )


def _by_pillow(data: bytes) -> Raster | None:
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # Pillow would refuse to tell a huge image's size
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damage that does not matter for a head
            with Image.open(io.BytesIO(data)) as image:
                orientation = _orientation(image.info.get("exif"))
                raster = Raster(image.width, image.height, orientation, image.format or "", image.mode)
                fault, refused = find_faults(image, data)
                return raster._replace(fault=fault, refused=refused, turned_tiff=_turned_tiff(image))
    except Exception:  # whatever a parser of damaged files may raise means the same here
        return None
    finally:
        Image.MAX_IMAGE_PIXELS = limit
