"""Options of the commands around a training; those of the training itself are `config.TrainConfig`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import tyro

from dali_ssd.config import AnyCoordinates, OnBad, RecordsConfig, RenderConfig, TrainConfig, check_random_seed
from dali_ssd.errors import ConfigError

__all__ = ["DemoConfig", "EvalConfig", "ShowConfig"]


def _check(
    config: object,
    *,
    above_zero: tuple[str, ...] = (),
    not_negative: tuple[str, ...] = (),
    at_most: Mapping[str, int] = MappingProxyType({}),
    more: Sequence[str] = (),
) -> None:
    faults = [f"{name} must be greater than 0, not {getattr(config, name)!r}" for name in above_zero
              if not getattr(config, name) > 0]  # fmt: skip
    faults += [f"{name} must not be negative, not {getattr(config, name)!r}" for name in not_negative
               if not getattr(config, name) >= 0]  # fmt: skip
    faults += [f"{name} must be at most {most}, not {getattr(config, name)!r}" for name, most in at_most.items()
               if getattr(config, name) > most]  # fmt: skip
    faults += more
    if faults:
        raise ConfigError(f"{type(config).__name__}: " + "; ".join(faults))


@dataclass(frozen=True)
class EvalConfig:
    """Score trained parameters: VOC07 mAP with GluonCV's metric, and COCO AP with pycocotools."""

    params: str
    """Parameter file (.params), or a checkpoint of `dali-ssd train`."""
    val: tuple[str, ...]
    """Shards to score on: paths or globs."""
    classes: str = ""
    """A file with one class name a line, or names separated by commas; default: classes.txt beside the shards."""
    network: str = "vgg16_atrous"
    """Backbone that the parameters were trained with."""
    data_shape: int = 300
    """Side of the network input that the parameters were trained with, in pixels."""
    batch_size: int = 32
    """Images a batch, over all devices."""
    num_workers: Annotated[int, tyro.conf.arg(aliases=["-j"])] = 0
    """Loader threads over all devices; 0 takes what the machine has."""
    gpus: str = "auto"
    """GPU numbers separated by commas; empty: the CPU; auto: GPU 0, or the CPU where there is none."""
    json: str = ""
    """Write the scores to this file."""
    draw: str = ""
    """Draw the detections of the first images into this PNG."""
    images: int = 16
    """Images to draw."""
    min_score: float = 0.4
    """Score from which a detection is drawn."""
    on_bad: OnBad = RecordsConfig.on_bad
    """As in training: bad records are named and nothing is scored, or left out."""
    max_bad: float = RecordsConfig.max_bad
    """Largest share of bad records that skip may leave out."""
    coordinates: AnyCoordinates = RecordsConfig.coordinates
    """Whether labels hold fractions of the image or pixels; auto: what nearly all of them look like."""
    recipe: str = TrainConfig.recipe
    """The recipe that the parameters were trained with."""

    def __post_init__(self) -> None:
        _check(self, above_zero=("data_shape", "batch_size", "images"), not_negative=("num_workers", "min_score"))


@dataclass(frozen=True)
class ShowConfig:
    """Draw records with their boxes into a PNG, as they are stored or as a training sees them."""

    shards: tyro.conf.Positional[tuple[str, ...]]
    """Shards or patterns such as 'data/*.rec'."""
    out: str = "records.png"
    """PNG to write."""
    augmented: bool = False
    """Draw what the training pipeline makes of the records, boxes taken back from the training targets."""
    images: int = 16
    """Images to draw, at most 1000: all of them are in memory at once."""
    columns: int = 4
    classes: str = ""
    """A file with one class name a line, or names separated by commas; default: classes.txt beside the shards."""
    data_shape: int = 300
    """Side of the augmented images in pixels."""
    seed: int = 233
    """Which records are drawn, and how they are augmented."""

    def __post_init__(self) -> None:
        _check(self, above_zero=("images", "columns"), not_negative=("seed",), at_most={"images": 1000})
        RenderConfig(data_shape=self.data_shape)


@dataclass(frozen=True)
class DemoConfig:
    """Draw a small detection set, train on it, score it on images it has not seen, and show where the time goes."""

    out: str = "demo"
    """Folder for shards, parameters and pictures; files of an earlier demo in it are replaced."""
    epochs: int = 36
    """Passes over the training images; the default reaches mAP 0.6 with a good margin."""
    train_images: int = 800
    val_images: int = 160
    batch_size: int = 16
    num_workers: Annotated[int, tyro.conf.arg(aliases=["-j"])] = 0
    """Loader threads; 0 takes what the machine has."""
    seed: int = 0

    def __post_init__(self) -> None:
        _check(
            self,
            above_zero=("epochs", "train_images", "val_images", "batch_size"),
            not_negative=("num_workers", "seed"),
            more=check_random_seed(self.seed),
        )
