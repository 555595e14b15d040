"""Reading the head of an image file without decoding it: size, format, channels, orientation."""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

from PIL import Image

from dali_ssd.records.format.image_faults import find_faults
from dali_ssd.records.format.jpeg import Jpeg, read_jpeg

__all__ = ["FORMATS", "MAX_PIXELS", "Raster", "read_raster"]

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")
"""Formats that DALI decodes, by Pillow's names; MXNet's wheel has no decoder for WEBP or for deep PPM and TIFF."""
MAX_PIXELS = 1 << 27
"""Largest image that is accepted: 134 million pixels, 400 MB once decoded. A few bytes can claim to be much larger."""

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
    """What is missing according to the file's structure; None if nothing."""
    progressive: bool = False
    """Whether it is a progressive JPEG."""
    refused: str | None = None
    """Why decoders refuse the image, as far as its head shows; None if they do not."""
    stray: int = 0
    """Bytes in a JPEG's head that belong to no segment, for which DALI refuses it."""
    turned_tiff: bool = False
    """Whether it is a TIFF with an orientation tag, which only some decoders follow; its size is Pillow's."""

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
    """Return size, orientation, format, channels and faults of an image file without decoding it; None if it is none.

    JPEGs are read here, other formats by Pillow, which takes ten times as long.
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
    except Exception:  # Pillow raises many kinds on damaged EXIF; viewers and decoders then ignore the tag
        return 1


def _tagged(tags: Image.Exif) -> int:
    value = tags.get(_ORIENTATION_TAG, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turned_tiff(image: Image.Image) -> bool:
    try:
        return image.format == "TIFF" and _tagged(image.getexif()) != 1
    except Exception:  # as above: a tag that cannot be read is ignored
        return False


def _from_jpeg(found: Jpeg) -> Raster:
    mode = {1: "L", 3: "RGB", 4: "CMYK"}.get(found.components, f"{found.components} components")
    stray = sum(end - first for first, end in found.stray)
    orientation = _orientation(found.exif)
    return Raster(
        *(found.width, found.height, orientation, "JPEG", mode, found.fault, found.progressive, found.refused, stray)
    )


def _by_pillow(data: bytes) -> Raster | None:
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # Pillow would refuse to read the size of a huge image
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damage that does not concern the head
            with Image.open(io.BytesIO(data)) as image:
                orientation = _orientation(image.info.get("exif"))
                raster = Raster(image.width, image.height, orientation, image.format or "", image.mode)
                fault, refused = find_faults(image, data)
                return raster._replace(fault=fault, refused=refused, turned_tiff=_turned_tiff(image))
    except Exception:  # any exception means that the file cannot be read
        return None
    finally:
        Image.MAX_IMAGE_PIXELS = limit
