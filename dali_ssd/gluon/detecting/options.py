"""The options of `dali-ssd detect`."""

from __future__ import annotations

from dataclasses import dataclass, field

import tyro
from tyro.conf import OmitArgPrefixes

from dali_ssd.config import AnyUnit, InputConfig, NvjpegConfig, PipelineConfig, RecordsConfig
from dali_ssd.gluon.options import Gpus, Plugin, TrainedClasses, TrainedNetwork, Workers
from dali_ssd.metrics.detections import SURE
from dali_ssd.util.validation import (
    check_choices,
    check_not_negative,
    check_positive,
    check_probability,
    check_types,
    raise_all,
)

__all__ = ["DetectConfig"]


@dataclass(frozen=True)
class DetectConfig:
    """Find objects in images by a trained network. Exit code 0: all images were read; 1: some not; 2: none at all."""

    inputs: tyro.conf.Positional[tuple[str, ...]]
    """Image files, folders of them, shards, or patterns such as 'photos/*.jpg'."""
    params: str
    """Parameter file (.params), or a checkpoint of `dali-ssd train`."""
    out: str = "detections"
    """Folder for detections.jsonl and the pictures; it must be empty or not there yet."""
    overwrite: bool = False
    """Write into a folder that has files already, over those of the same name."""
    pictures: bool = True
    """Draw the boxes on each image."""
    min_score: float = SURE
    """Lowest score of a detection."""
    top_k: int = 100
    """Most detections of an image, the best ones."""
    network: TrainedNetwork = ""
    input: OmitArgPrefixes[InputConfig] = field(default_factory=InputConfig)
    """As in the training run; the size by default likewise."""
    classes: TrainedClasses = ""
    stored: bool = False
    """Take image files as they are stored, without turning them by their EXIF orientation; shards always are."""
    coordinates: AnyUnit = RecordsConfig.coordinates
    """Unit of the labels of shards."""
    batch_size: int = PipelineConfig.batch_size
    """Images per batch, over all devices."""
    num_workers: Workers = 0
    """Loader threads over all devices; 0: all cores."""
    gpus: Gpus = "auto"
    plugin: Plugin = PipelineConfig.plugin
    nvjpeg: OmitArgPrefixes[NvjpegConfig] = field(default_factory=NvjpegConfig)

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "top_k", "batch_size") + check_not_negative(self, "num_workers")
        faults += check_probability("min_score", self.min_score) + check_choices(self, "coordinates", "plugin")
        raise_all(self, faults)
