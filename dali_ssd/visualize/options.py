"""The options of `dali-ssd show`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import tyro
from tyro.conf import OmitArgPrefixes

from dali_ssd.config import InputConfig, PipelineConfig
from dali_ssd.records.options import ClassNames
from dali_ssd.util.validation import (
    check_at_most,
    check_ending,
    check_not_negative,
    check_positive,
    check_types,
    is_whole,
    raise_all,
)

__all__ = ["PICTURES", "ShowConfig"]

PICTURES = (".png", ".jpg", ".jpeg")
"""Endings of the names of pictures that `grid.save_picture` writes."""


@dataclass(frozen=True)
class ShowConfig:
    """Draw records with their boxes into a PNG, as they are stored or as a training run sees them."""

    shards: tyro.conf.Positional[tuple[str, ...]]
    """Shards or patterns such as 'data/*.rec'."""
    out: str = "records.png"
    """PNG to write, or a JPEG if it ends in .jpg."""
    record: int | None = None
    """Key of one record, as `check` and the captions have it: draw it alone, or with --augmented its views beside
    it. If shards have the same key, give the one that is meant alone."""
    augmented: int | Literal["auto"] = 0
    """Draw what the training pipeline makes of the records: this many images, or views of --record. Without a number:
    as many as --images."""
    targets: bool = False
    """Draw the positive anchors on augmented images too, each in the color of its object; dashed if its IoU is below
    the threshold and the object has no better one."""
    network: str = "vgg16_atrous"
    """Backbone whose anchors --targets draws, at the size of the network input."""
    images: int = 16
    """Images to draw, at most 1000: all of them are in memory at once."""
    columns: int = 4
    """Images side by side."""
    classes: ClassNames = ""
    input: OmitArgPrefixes[InputConfig] = field(default_factory=InputConfig)
    """Recipe whose augmentation is shown, as in training."""
    seed: int = PipelineConfig.seed
    """Which records are drawn, and how they are augmented."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "images", "columns") + check_not_negative(self, "seed")
        faults += check_at_most(self, images=1000) + check_ending(self, "out", *PICTURES)
        if self.augmented != "auto" and not (is_whole(self.augmented) and 0 <= self.augmented <= 1000):
            faults.append(f"augmented must be auto or within 0..1000, not {self.augmented!r}")
        if self.record is not None and not is_whole(self.record):
            faults.append(f"record must be a whole number, not {self.record!r}")
        if self.input != InputConfig() and not self.augmented and not self.targets:
            faults.append("recipe and data_shape are for augmented images; give --augmented as well")
        raise_all(self, faults)

    @property
    def views(self) -> int:
        """Augmented images to draw."""
        if self.augmented == "auto" or (self.targets and not self.augmented):
            return self.images
        return self.augmented
