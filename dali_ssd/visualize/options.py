"""The options of `dali-ssd show`."""

from __future__ import annotations

from dataclasses import dataclass, field

import tyro
from tyro.conf import OmitArgPrefixes

from dali_ssd.config import InputConfig, PipelineConfig
from dali_ssd.records.options import ClassNames
from dali_ssd.util.validation import check_at_most, check_not_negative, check_positive, check_types, raise_all

__all__ = ["ShowConfig"]


@dataclass(frozen=True)
class ShowConfig:
    """Draw records with their boxes into a PNG, as they are stored or as a training run sees them."""

    shards: tyro.conf.Positional[tuple[str, ...]]
    """Shards or patterns such as 'data/*.rec'."""
    out: str = "records.png"
    """PNG to write."""
    augmented: bool = False
    """Draw what the training pipeline makes of the records, with the boxes of its targets."""
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
        faults += check_at_most(self, images=1000)
        if self.input != InputConfig() and not self.augmented:
            faults.append("recipe and data_shape are for augmented images; give --augmented as well")
        raise_all(self, faults)
