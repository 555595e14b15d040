"""The options of `dali-ssd inspect`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tyro.conf import OmitArgPrefixes, Positional

from dali_ssd.config import AnyUnit, InputConfig, PipelineConfig, RecordsConfig
from dali_ssd.records.options import ClassNames
from dali_ssd.util.validation import (
    check_choices,
    check_ending,
    check_not_negative,
    check_positive,
    check_types,
    raise_all,
)

__all__ = ["InspectConfig"]


@dataclass(frozen=True)
class InspectConfig:
    """Show a data set as an SSD sees it: its contents, the anchors that meet its boxes, its cost, and what to do."""

    shards: Positional[tuple[str, ...]]
    """Shards or patterns such as 'data/*.rec'."""
    record: int | None = None
    """Key of one record, as `show --record` takes it: print its label and image header instead."""
    classes: ClassNames = ""
    network: str = "vgg16_atrous"
    """Backbone of the SSD whose anchors are compared with the boxes, as in training."""
    input: OmitArgPrefixes[InputConfig] = field(default_factory=InputConfig)
    """As in training."""
    coordinates: AnyUnit = RecordsConfig.coordinates
    """Unit of the labels, fractions of the image or pixels; auto: the unit that nearly all of them seem to have."""
    html: Path | None = None
    """Write the report to this file, as a page that needs no other file."""
    json: Path | None = None
    """Write the data of the report to this file."""
    sample: int = 5000
    """Records whose boxes are compared with the anchors, drawn at random; all are counted."""
    views: int = 4
    """Augmented views of each of these records."""
    gpus: int = 1
    """GPUs that will train, for advice on the shards."""
    workers: int = 0
    """Processes that read the records; 0: as many as there are cores."""
    seed: int = PipelineConfig.seed
    """Which records are drawn, and how they are augmented."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "sample", "views", "gpus") + check_not_negative(self, "workers", "seed")
        faults += check_choices(self, "coordinates")
        faults += check_ending(self, "html", ".html") + check_ending(self, "json", ".json")
        if self.record is not None and (self.html or self.json):
            faults.append("html and json are for reports on all records; leave out record")
        raise_all(self, faults)
