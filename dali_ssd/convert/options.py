"""The options of `dali-ssd convert` that all formats share; options of one format are beside its reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dali_ssd.config import CoordinateUnit
from dali_ssd.util.validation import check_choices, check_not_negative, check_positive, check_types, raise_all

__all__ = ["ConvertConfig", "ExifRaster", "OnBad"]

OnBad = Literal["skip", "keep", "raise"]
"""The treatment of images that training refuses or whose annotation gives another size."""

ExifRaster = Literal["auto", "raw", "upright"]
"""Which raster of an image with EXIF rotation an annotation refers to; auto: decided by its width and height."""


@dataclass(frozen=True)
class ConvertConfig:
    """A conversion of annotations to shards."""

    src: Path
    """Folder of the data."""
    out: Path
    """Folder for the shards, classes.txt and the report; made if missing."""
    split: str = ""
    """Part of the data to convert; empty: all of it."""
    images: str = ""
    """Folder of the images in SRC; empty: the usual one of the format."""
    annotations: str = ""
    """Folder (VOC) or file (COCO) of the annotations in SRC; empty: the usual one of the format."""
    classes: str = ""
    """A file with one class name per line, or names separated by commas; empty: the classes found in the data."""
    shards: int = 1
    """Number of shards; images are distributed over them in turn."""
    shuffle: bool = False
    """Shuffle the images."""
    seed: int = 233
    """Seed of the shuffle."""
    workers: int = 0
    """Processes; 0: as many as there are cores. The shards do not depend on the number."""
    stem: str = ""
    """Name of the shards; empty: the split's name, or "data"."""
    exif: ExifRaster = "auto"
    """Raster of images with EXIF rotation that the boxes refer to; auto: as the annotation's width and height show."""
    coordinates: CoordinateUnit = "pixel"
    """Unit of the boxes: pixels, or fractions of the image's width and height."""
    on_bad: OnBad = "skip"
    """Images that training refuses (truncated, too large, stray bytes in the head) or whose annotation gives another
    size: leave them out (skip), keep them with boxes as pixels of the file (keep), or stop at the first, also if an
    image is missing or an entry cannot be read (raise)."""
    drop_empty: bool = False
    """Leave out images without objects; otherwise they are kept."""
    overwrite: bool = False
    """Replace shards of the same name, and classes.txt."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "shards") + check_not_negative(self, "workers", "seed")
        raise_all(self, faults + check_choices(self, "exif", "coordinates", "on_bad"))
