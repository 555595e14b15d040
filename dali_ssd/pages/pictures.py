"""Raster images inside a page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dali_ssd.pages.elements import Picture

__all__ = ["IN_GALLERY", "picture"]

IN_GALLERY = 320
"""Pixels of the longer side of a picture in a gallery, which is as wide as a column at most."""
_QUALITY = 85


def picture(image: Image.Image | NDArray[Any], alt: str, caption: str = "", *, most: int = 640) -> Picture:
    """Return a picture, a JPEG, for a page.

    Args:
        image: an image, or (H, W, 3) uint8 RGB.
        alt: what can be seen, for those who cannot.
        caption: a line below the picture.
        most: longer side in pixels to which a larger image is shrunk.
    """
    rgb = (image if isinstance(image, Image.Image) else Image.fromarray(np.ascontiguousarray(image))).convert("RGB")
    rgb.thumbnail((most, most), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    # Thin colored boxes would fade with less color than brightness.
    rgb.save(content, "JPEG", quality=_QUALITY, subsampling=0)
    uri = "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode("ascii")
    return Picture(uri, rgb.width, rgb.height, alt, caption)
