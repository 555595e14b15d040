"""The options of a training and of the commands around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes

from dali_ssd.config import InputConfig, PipelineConfig, RecordsConfig
from dali_ssd.errors import ConfigError
from dali_ssd.loader.recipes import Recipe, asked_recipe
from dali_ssd.records.options import ClassNames
from dali_ssd.util.validation import check_not_negative, check_positive, check_random_seed, check_types, raise_all
from dali_ssd.util.words import counted

__all__ = ["DemoConfig", "EvalConfig", "TrainConfig", "network_recipe"]

Gpus = Annotated[
    str,
    tyro.conf.arg(help="GPU numbers separated by commas; empty: the CPU; auto: GPU 0, or the CPU if there is none."),
]
Workers = Annotated[int, tyro.conf.arg(aliases=["-j"])]
GlobalBatchSize = Annotated[int, tyro.conf.arg(name="batch-size")]


@dataclass(frozen=True)
class TrainConfig:
    """A training. Option names and defaults are those of GluonCV's `train_ssd.py` where it has them."""

    train: tuple[str, ...] = ()
    """Training shards: paths or globs."""
    val: tuple[str, ...] = ()
    """Validation shards: paths or globs; without them nothing is scored."""
    classes: ClassNames = ""
    network: str = "vgg16_atrous"
    """Backbone of the SSD in GluonCV's model zoo."""
    input: OmitArgPrefixes[InputConfig] = field(default_factory=InputConfig)
    records: OmitArgPrefixes[RecordsConfig] = field(default_factory=RecordsConfig)
    pretrained_base: Literal["auto", "yes", "no"] = "auto"
    """Start from the backbone's ImageNet weights; auto: if they can be downloaded."""
    global_batch_size: GlobalBatchSize = PipelineConfig.batch_size
    """Images per step, over all devices of all processes."""
    num_workers: Workers = 0
    """Loader threads over all devices; 0: the cores there are, shared with Horovod's other processes here."""
    gpus: Gpus = "auto"
    epochs: int = 240
    resume: str = ""
    """Go on from a checkpoint (everything) or a .params file (parameters only); auto: the newest checkpoint, if any."""
    start_epoch: int = 0
    """First epoch when resuming from a .params file."""
    lr: float = 0.001
    lr_decay: float = 0.1
    """Factor of the learning rate at each of the epochs of lr_decay_epoch."""
    lr_decay_epoch: str = "160,200"
    """Epochs at which the learning rate decays."""
    momentum: float = 0.9
    wd: float = 0.0005
    """Weight decay."""
    log_interval: int = 100
    """Steps between two log lines; 0 leaves them out."""
    save_prefix: str = ""
    """What names of saved files begin with: a folder with a slash at its end, or more; the network's name follows."""
    save_interval: int = 10
    """Epochs between two parameter files; 0 leaves them out. With --val, the best are saved always."""
    val_interval: int = 1
    """Epochs between two validations."""
    checkpoint_every: int = 0
    """Steps between two checkpoints; 0: one at the end of each epoch."""
    checkpoint_keep: int = 2
    """Newest checkpoints to keep."""
    seed: int = 233
    syncbn: bool = False
    """Normalize over the batches of all devices together."""
    amp: bool = False
    """Mixed precision by MXNet's AMP; needs a GPU."""
    horovod: bool = False
    """Train in Horovod's processes, one GPU each; gpus is ignored."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(
            self, "global_batch_size", "epochs", "lr", "lr_decay", "val_interval", "checkpoint_keep"
        )
        faults += check_not_negative(
            self,
            "num_workers", "start_epoch", "momentum", "wd", "log_interval", "save_interval",
            "checkpoint_every", "seed",
        )  # fmt: skip
        faults += check_random_seed(self.seed)
        if not self.lr < float("inf"):
            faults.append(f"lr must be finite, not {self.lr!r}")
        if self.start_epoch >= max(self.epochs, 1):
            faults.append(f"start_epoch {self.start_epoch} leaves nothing to do of {counted(self.epochs, 'epoch')}")
        raise_all(self, faults)


@dataclass(frozen=True)
class EvalConfig:
    """Score trained parameters: VOC07 mAP, and COCO AP by pycocotools."""

    params: str
    """Parameter file (.params), or a checkpoint of `dali-ssd train`."""
    val: tuple[str, ...]
    """Shards to score on: paths or globs."""
    classes: ClassNames = ""
    network: str = "vgg16_atrous"
    """Backbone that the parameters were trained with."""
    input: OmitArgPrefixes[InputConfig] = field(default_factory=InputConfig)
    """As in the training run."""
    records: OmitArgPrefixes[RecordsConfig] = field(default_factory=RecordsConfig)
    batch_size: int = PipelineConfig.batch_size
    """Images per batch, over all devices."""
    num_workers: Workers = 0
    """Loader threads over all devices; 0 takes what the machine has."""
    gpus: Gpus = "auto"
    json: str = ""
    """Write the scores to this file."""
    draw: str = ""
    """Draw the detections of the first images into this PNG."""
    images: int = 16
    """Images to draw."""
    min_score: float = 0.4
    """Score from which a detection is drawn."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "batch_size", "images")
        raise_all(self, faults + check_not_negative(self, "num_workers", "min_score"))


def network_recipe(config: TrainConfig | EvalConfig) -> Recipe:
    """Return what the options say of recipe and size. Raises ConfigError if no network takes what it renders."""
    recipe = asked_recipe(config.input)
    image = recipe.image
    if (image.layout, image.dtype) != ("NCHW", "float32"):
        raise ConfigError(
            f"recipe {recipe.name} renders {image.layout} {image.dtype}, and the networks take NCHW float32; such a "
            "recipe is for loops of your own"
        )
    return recipe


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
    num_workers: Workers = 0
    """Loader threads; 0 takes what the machine has."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "epochs", "train_images", "val_images", "batch_size")
        faults += check_not_negative(self, "num_workers", "seed")
        raise_all(self, faults + check_random_seed(self.seed))
