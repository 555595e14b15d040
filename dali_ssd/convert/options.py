"""The options of `dali-ssd convert` that all formats share; those of a format alone are beside its reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dali_ssd.config import CoordinateUnit
from dali_ssd.util.validation import check_choices, check_not_negative, check_positive, check_types, raise_all

__all__ = ["ConvertConfig", "ExifRaster", "OnBad"]

OnBad = Literal["skip", "keep", "raise"]
"""What is done with an image that training refuses, or of another size than its annotation says."""

ExifRaster = Literal["auto", "raw", "upright"]
"""Which raster of an image with EXIF rotation an annotation refers to; auto: its width and height tell."""


@dataclass(frozen=True)
class ConvertConfig:
    """A conversion of annotations to shards."""

    src: Path
    """Folder of the data."""
    out: Path
    """Folder for the shards, classes.txt and the report; made if missing."""
    split: str = ""
    """Which part of the data; empty: all of it."""
    images: str = ""
    """Folder of the images in SRC; empty: where the format has it."""
    annotations: str = ""
    """Folder (VOC) or file (COCO) of the annotations in SRC; empty: where the format has it."""
    classes: str = ""
    """A file with one class name a line, or names separated by commas; empty: the classes found in the data."""
    shards: int = 1
    """Number of shards; images are dealt out to them in turn."""
    shuffle: bool = False
    """Shuffle the images."""
    seed: int = 233
    """Seed of the shuffle."""
    workers: int = 0
    """Processes; 0: as many as there are cores. The shards are the same whatever their number."""
    stem: str = ""
    """Name of the shards; empty: the split's name, or "data"."""
    exif: ExifRaster = "auto"
    """Which raster of images with EXIF rotation the boxes refer to; auto: the annotation's width and height tell."""
    coordinates: CoordinateUnit = "pixel"
    """What boxes count: pixels, or fractions of the image's width and height."""
    on_bad: OnBad = "skip"
    """Images that training refuses (cut, too large, stray bytes in the head) or whose annotation gives another size:
    leave out (skip), keep with boxes as pixels of the file, or end at the first, also where an image is missing or an
    entry cannot be read (raise)."""
    drop_empty: bool = False
    """Leave out images without objects; otherwise they are kept as background."""
    overwrite: bool = False
    """Replace shards of the same name, and classes.txt."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "shards") + check_not_negative(self, "workers", "seed")
        raise_all(self, faults + check_choices(self, "exif", "coordinates", "on_bad"))
