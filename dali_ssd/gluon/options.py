"""The options of `train`, `eval` and `demo`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes

from dali_ssd.config import InputConfig, NvjpegConfig, PipelineConfig, PluginUse, RecordsConfig
from dali_ssd.errors import ConfigError
from dali_ssd.loader.recipes import Recipe, asked_recipe
from dali_ssd.metrics.analysis import Thresholds
from dali_ssd.records.options import ClassNames
from dali_ssd.util.validation import (
    check_at_most,
    check_choices,
    check_ending,
    check_not_negative,
    check_positive,
    check_probability,
    check_random_seed,
    check_types,
    raise_all,
)
from dali_ssd.util.words import counted
from dali_ssd.visualize.options import PICTURES

__all__ = [
    "DemoConfig",
    "EvalConfig",
    "Gpus",
    "Plugin",
    "TrainConfig",
    "TrainedClasses",
    "TrainedNetwork",
    "Workers",
    "network_recipe",
    "rendering_recipe",
]

Gpus = Annotated[
    str,
    tyro.conf.arg(help="GPU numbers separated by commas; empty: the CPU; auto: GPU 0, or the CPU if there is none."),
]
Plugin = Annotated[
    PluginUse,
    tyro.conf.arg(
        help="What renders on a GPU, and in training makes targets. auto: the plugin for DALI, or without it DALI's "
        "operators and the host, with a warning; require: the plugin, or an error; off: never the plugin."
    ),
]
Workers = Annotated[int, tyro.conf.arg(aliases=["-j"])]
TrainedClasses = Annotated[
    str,
    tyro.conf.arg(
        help="A file with one class name per line, or names separated by commas; default: those in the checkpoint, or "
        "classes.txt beside the shards or the parameter file"
    ),
]
TrainedNetwork = Annotated[
    str,
    tyro.conf.arg(
        help="Backbone of the trained network; by default what the checkpoint or the parameter file's name tells."
    ),
]
KVStore = Literal["device", "local", "nccl", "dist_sync", "dist_device_sync"]
GlobalBatchSize = Annotated[int, tyro.conf.arg(name="batch-size")]


@dataclass(frozen=True)
class TrainConfig:
    """Train an SSD. Option names and defaults are those of GluonCV's `train_ssd.py` if it has them."""

    train: tuple[str, ...] = ()
    """Training shards: paths or globs."""
    val: tuple[str, ...] = ()
    """Validation shards: paths or globs; without them, nothing is scored."""
    classes: ClassNames = ""
    network: str = "vgg16_atrous"
    """Backbone of the SSD in GluonCV's model zoo."""
    input: OmitArgPrefixes[InputConfig] = field(default_factory=InputConfig)
    records: OmitArgPrefixes[RecordsConfig] = field(default_factory=RecordsConfig)
    pretrained_base: Literal["auto", "yes", "no"] = "auto"
    """Start from the backbone's ImageNet weights; auto: if they are cached or can be downloaded."""
    global_batch_size: GlobalBatchSize = PipelineConfig.batch_size
    """Images per step, over all devices of all processes."""
    num_workers: Workers = 0
    """Loader threads over all devices; 0: all cores, shared with the other processes on this machine."""
    gpus: Gpus = "auto"
    plugin: Plugin = PipelineConfig.plugin
    nvjpeg: OmitArgPrefixes[NvjpegConfig] = field(default_factory=NvjpegConfig)
    epochs: int = 240
    """Passes over the training records."""
    resume: str = ""
    """Checkpoint (everything) or .params file (parameters only) to resume from; auto: the newest checkpoint, if any."""
    start_epoch: int = 0
    """First epoch when resuming from a .params file."""
    lr: float = 0.001
    """Learning rate."""
    lr_batch_size: int = 0
    """Batch size that --lr is meant for: the rate is scaled by --batch-size divided by it; 0: not scaled."""
    lr_warmup: int = 0
    """Steps in which the learning rate rises from 0 to its value."""
    lr_decay: float = 0.1
    """Factor applied to the learning rate at each epoch of --lr-decay-epoch."""
    lr_decay_epoch: str = "160,200"
    """Epochs at which the learning rate decays."""
    momentum: float = 0.9
    """Share of the last step's update that is added to each update."""
    wd: float = 0.0005
    """Weight decay."""
    log_interval: int = 100
    """Steps between two log lines; 0: none. A shorter epoch has one at its end."""
    save_prefix: str = ""
    """Prefix of the names of saved files, such as a folder with a slash at its end; the network's name follows."""
    save_interval: int = 10
    """Epochs between two parameter files, from epoch 0 on; the last epoch has one too. 0: none. With --val, the best
    parameters are always saved."""
    val_interval: int = 1
    """Epochs between two validations."""
    checkpoint_every: int = 0
    """Steps between two checkpoints; 0: one at the end of each epoch."""
    checkpoint_keep: int = 2
    """Number of newest checkpoints to keep."""
    report: bool = True
    """Keep a page with curves, pictures and events up to date."""
    tensorboard: str = ""
    """Folder for TensorBoard's event files, one for each training run; empty: none. Needs tensorboardX."""
    seed: int = 233
    """Of all random numbers: with the same seed, two runs are the same."""
    syncbn: bool = False
    """Normalize over the batches of all devices together."""
    amp: bool = False
    """Train in mixed precision with MXNet's AMP, on float16 images; needs a GPU."""
    horovod: bool = False
    """Train in Horovod's processes, one GPU each; --gpus is ignored."""
    kvstore: KVStore = "device"
    """MXNet's store that sums gradients, over --gpus (device, local, nccl) or over processes, one GPU each (dist_sync,
    dist_device_sync; --gpus is ignored)."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "epochs", "lr", "lr_decay", "val_interval", "checkpoint_keep")
        faults += check_not_negative(
            self,
            "num_workers", "start_epoch", "momentum", "wd", "log_interval", "save_interval",
            "checkpoint_every", "seed", "lr_batch_size", "lr_warmup",
        )  # fmt: skip
        faults += check_random_seed(self.seed) + check_choices(self, "plugin")
        if not self.global_batch_size > 0:  # by the option's name
            faults.append(f"batch_size must be greater than 0, not {self.global_batch_size!r}")
        if not self.lr < float("inf"):
            faults.append(f"lr must be finite, not {self.lr!r}")
        if self.start_epoch >= max(self.epochs, 1):
            faults.append(f"start_epoch {self.start_epoch} leaves none of {counted(self.epochs, 'epoch')} to train")
        if self.horovod and self.many_processes:
            faults.append(f"horovod and kvstore {self.kvstore} are two engines; choose one")
        if self.syncbn and (self.horovod or self.many_processes):
            faults.append("syncbn works over the devices of one process; leave it out, or train with gpus 0,1")
        if self.syncbn and self.amp:
            faults.append("syncbn cannot be used with amp: MXNet has it in float32 only")
        raise_all(self, faults)

    @property
    def many_processes(self) -> bool:
        """Whether the key-value store connects processes."""
        return self.kvstore.startswith("dist")

    @property
    def scaled_lr(self) -> float:
        """The learning rate for the batch size: linear scaling, Goyal et al. 2017."""
        return self.lr * (self.global_batch_size / self.lr_batch_size if self.lr_batch_size else 1.0)


@dataclass(frozen=True)
class EvalConfig:
    """Score trained parameters: VOC07 mAP, and COCO AP with pycocotools."""

    params: str
    """Parameter file (.params), or a checkpoint of `dali-ssd train`."""
    val: tuple[str, ...]
    """Shards to score on: paths or globs."""
    classes: TrainedClasses = ""
    network: TrainedNetwork = ""
    input: OmitArgPrefixes[InputConfig] = field(default_factory=InputConfig)
    """As in the training run; the size by default likewise."""
    records: OmitArgPrefixes[RecordsConfig] = field(default_factory=RecordsConfig)
    batch_size: int = PipelineConfig.batch_size
    """Images per batch, over all devices."""
    num_workers: Workers = 0
    """Loader threads over all devices; 0: all cores."""
    gpus: Gpus = "auto"
    plugin: Plugin = PipelineConfig.plugin
    nvjpeg: OmitArgPrefixes[NvjpegConfig] = field(default_factory=NvjpegConfig)
    json: str = ""
    """Write the scores to this file."""
    draw: str = ""
    """Draw the detections of the first images into this PNG, or a JPEG if it ends in .jpg."""
    images: int = 16
    """Number of images to draw."""
    report: str = ""
    """Write a page to this HTML file: curves, errors as pictures, confusion of classes, and more."""
    min_score: float = Thresholds.min_score
    """Lowest score of a detection that is drawn, and that counts among the errors of the report."""
    min_iou: float = Thresholds.min_iou
    """Overlap from which on a detection has found an object, in the report; the scores have their own."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "batch_size", "images")
        faults += check_not_negative(self, "num_workers") + check_probability("min_score", self.min_score)
        faults += check_positive(self, "min_iou") + check_at_most(self, min_iou=1) + check_choices(self, "plugin")
        faults += check_ending(self, "report", ".html") + check_ending(self, "json", ".json")
        raise_all(self, faults + check_ending(self, "draw", *PICTURES))


def rendering_recipe(config: InputConfig) -> Recipe:
    """Return the recipe of the options about the input. Raises ConfigError if no network takes what it renders."""
    recipe = asked_recipe(config)
    image = recipe.image
    if (image.layout, image.dtype) != ("NCHW", "float32"):
        raise ConfigError(
            f"recipe {recipe.name} renders {image.layout} {image.dtype}, and the networks take NCHW float32; such a "
            "recipe is for loops of your own"
        )
    return recipe


def network_recipe(config: TrainConfig) -> Recipe:
    """Return the recipe to train by. Raises ConfigError if no network takes what it makes."""
    recipe = rendering_recipe(config.input)
    if recipe.targets.targets == "boxes":
        raise ConfigError(
            f"recipe {recipe.name} gives boxes, and the networks learn from targets for their anchors; such a recipe "
            "is for loops of your own"
        )
    if config.amp:
        # The network's first operator would cast it; so the loader has half to write, and the bus half to carry.
        return replace(recipe, image=replace(recipe.image, dtype="float16"))
    return recipe


@dataclass(frozen=True)
class DemoConfig:
    """Draw a small detection set, train on it, score on other images, and show where the time goes."""

    out: str = "demo"
    """Folder for shards, parameters and pictures; files of an earlier demo in it are replaced."""
    epochs: int = 36
    """Passes over the training images; the default reaches mAP 0.6 with a good margin."""
    train_images: int = 800
    """Images to draw for training."""
    val_images: int = 160
    """Images to draw for scoring."""
    batch_size: int = 16
    """Images per step."""
    num_workers: Workers = 0
    """Loader threads; 0: all cores."""
    seed: int = 0
    """Of the drawn images and of the training."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "epochs", "train_images", "val_images", "batch_size")
        faults += check_not_negative(self, "num_workers", "seed")
        raise_all(self, faults + check_random_seed(self.seed))
