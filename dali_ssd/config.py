"""Every option of the package, once: the command line, the loaders and the pipelines take their defaults from here.

Plain frozen dataclasses without DALI or MXNet, so that `dali-ssd --help` needs neither. Each field says where its
default comes from; `__post_init__` reports all faults of an object at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import tyro

from dali_ssd.errors import ConfigError

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "INTERPOLATIONS",
    "AnyCoordinates",
    "AugmentConfig",
    "CheckConfig",
    "CocoConfig",
    "ConvertConfig",
    "ExifRaster",
    "OnBad",
    "PipelineConfig",
    "RecordsConfig",
    "RenderConfig",
    "TargetConfig",
    "TrainConfig",
    "VocConfig",
    "available_cores",
    "check_random_seed",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""RGB mean of ImageNet as fractions of 255, the one GluonCV's pretrained backbones expect."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""RGB standard deviation of ImageNet as fractions of 255."""
INTERPOLATIONS = ("nearest", "linear", "cubic", "area", "lanczos")
"""Resampling filters by name; the position is the code that travels through the graph (OpenCV's order)."""


def available_cores() -> int:
    """Cores this process may run on (its affinity mask, not the machine's count)."""
    return len(os.sched_getaffinity(0))


def _raise_all(config: object, faults: list[str]) -> None:
    if faults:
        raise ConfigError(f"{type(config).__name__}: " + "; ".join(faults))


def _check_range(name: str, value: tuple[float, float], low: float, high: float) -> list[str]:
    if len(value) == 2 and low <= value[0] <= value[1] <= high:
        return []
    return [f"{name} must be (low, high) within {low:g}..{high:g}, not {value!r}"]


def _check_probability(name: str, value: float) -> list[str]:
    return [] if 0 <= value <= 1 else [f"{name} must be a probability within 0..1, not {value!r}"]


def _check_positive(config: object, *names: str) -> list[str]:
    return [
        f"{name} must be greater than 0, not {getattr(config, name)!r}"
        for name in names
        if not getattr(config, name) > 0
    ]


@dataclass(frozen=True)
class AugmentConfig:
    """What is drawn at random for a training image. Defaults: GluonCV's `SSDDefaultTrainTransform`, except `hue`."""

    color_probability: float = 0.5
    """Probability of each of the four color changes."""
    brightness: float = 32.0
    """Largest brightness shift, of 255."""
    contrast: tuple[float, float] = (0.5, 1.5)
    """Range of the contrast factor."""
    saturation: tuple[float, float] = (0.5, 1.5)
    """Range of the saturation factor."""
    hue: float = 36.0
    """Largest hue rotation in degrees. SSD's 18 of OpenCV's 0..180 is 36; GluonCV's code rotates by any angle (180)."""
    expand_probability: float = 0.5
    """Probability of placing the image on a larger canvas of the mean color."""
    expand_ratio: tuple[float, float] = (1.0, 4.0)
    """Range of the canvas side over the image side."""
    crop_min_iou: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
    """Minimum IoU of a crop with all boxes, one candidate each; 0 is a crop without constraint."""
    crop_scale: tuple[float, float] = (0.3, 1.0)
    """Range of the crop's scale (square root of its share of the area)."""
    crop_aspect: tuple[float, float] = (0.5, 2.0)
    """Range of the crop's aspect ratio relative to the image's."""
    crop_attempts: int = 50
    """Attempts for each minimum IoU."""
    interpolations: tuple[str, ...] = INTERPOLATIONS
    """Filters of which one is drawn for each image."""
    mirror_probability: float = 0.5
    """Probability of a left-right mirror image."""

    def __post_init__(self) -> None:
        faults = [
            fault
            for field in fields(self)
            if field.name.endswith("_probability")
            for fault in _check_probability(field.name, getattr(self, field.name))
        ]
        faults += _check_range("contrast", self.contrast, 0, 10)
        faults += _check_range("saturation", self.saturation, 0, 10)
        faults += _check_range("expand_ratio", self.expand_ratio, 1, 100)
        faults += _check_range("crop_scale", self.crop_scale, 0.01, 1)
        faults += _check_range("crop_aspect", self.crop_aspect, 0.01, 100)
        if not 0 <= self.brightness <= 255:
            faults.append(f"brightness must be within 0..255, not {self.brightness!r}")
        if not 0 <= self.hue <= 180:
            faults.append(f"hue must be within 0..180 degrees, not {self.hue!r}")
        if not all(0 <= iou < 1 for iou in self.crop_min_iou):
            faults.append(f"crop_min_iou must be within 0..1, not {self.crop_min_iou!r}")
        if self.crop_attempts < 1:
            faults.append(f"crop_attempts must be at least 1, not {self.crop_attempts!r}")
        unknown = [name for name in self.interpolations if name not in INTERPOLATIONS]
        if unknown or not self.interpolations:
            faults.append(f"interpolations must be some of {', '.join(INTERPOLATIONS)}, not {self.interpolations!r}")
        _raise_all(self, faults)


@dataclass(frozen=True)
class RenderConfig:
    """The network's input."""

    data_shape: int = 300
    """Side of the square network input in pixels (S)."""
    dtype: Literal["float32", "float16"] = "float32"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        faults = []
        if not 16 <= self.data_shape <= 4096:
            faults.append(f"data_shape must be within 16..4096 pixels, not {self.data_shape!r}")
        if self.dtype not in ("float32", "float16"):
            faults.append(f"dtype must be float32 or float16, not {self.dtype!r}")
        if self.layout not in ("NCHW", "NHWC"):
            faults.append(f"layout must be NCHW or NHWC, not {self.layout!r}")
        if not all(s > 0 for s in self.std):
            faults.append(f"std must be greater than 0, not {self.std!r}")
        _raise_all(self, faults)


@dataclass(frozen=True)
class TargetConfig:
    """How boxes become training targets. Defaults: GluonCV's `SSDTargetGenerator`."""

    targets: Literal["exact", "box_encoder"] = "exact"
    """`exact` is GluonCV's matching to the tie; `box_encoder` is DALI's operator, with about 5% fewer positives."""
    iou_threshold: float = 0.5
    stds: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)

    def __post_init__(self) -> None:
        faults = []
        if self.targets not in ("exact", "box_encoder"):
            faults.append(f"targets must be exact or box_encoder, not {self.targets!r}")
        if not 0 < self.iou_threshold <= 1:
            faults.append(f"iou_threshold must be within 0..1, not {self.iou_threshold!r}")
        if not all(s > 0 for s in self.stds):
            faults.append(f"stds must be greater than 0, not {self.stds!r}")
        _raise_all(self, faults)


@dataclass(frozen=True)
class PipelineConfig:
    """How one pipeline runs."""

    batch_size: int = 32
    """Images a batch on this device."""
    num_threads: int | Literal["auto"] = "auto"
    """Worker threads of the pipeline; `auto` shares the cores among the pipelines of a loader."""
    prefetch: int = 2
    """Batches prepared ahead."""
    initial_fill: int = 2048
    """Records that the shuffle draws from, or all there are if they are fewer. They lie in memory: 2048 large photos of
    250 KB are 0.5 GB."""
    upright: bool = False
    """Turn images by their EXIF orientation. Off: labels refer to what MXNet's `imdecode` returns, which does not."""
    seed: int = 233
    """GluonCV's default seed."""

    def __post_init__(self) -> None:
        faults = _check_positive(self, "batch_size", "prefetch", "initial_fill")
        if self.num_threads != "auto" and not (isinstance(self.num_threads, int) and self.num_threads > 0):
            faults.append(f"num_threads must be auto or greater than 0, not {self.num_threads!r}")
        if not 0 <= self.seed <= 2**62:  # DALI takes 64 bits, and draws a seed of its own for a negative one
            faults.append(f"seed must be within 0..2^62, not {self.seed!r}")
        _raise_all(self, faults)


def check_random_seed(seed: int) -> list[str]:
    """Faults of a seed that NumPy's and MXNet's generators get as well."""
    return [] if seed < 2**32 else [f"seed must be below 2^32, not {seed!r}"]


OnBad = Literal["raise", "skip"]
AnyCoordinates = Literal["auto", "fraction", "pixel"]


@dataclass(frozen=True)
class RecordsConfig:
    """What to do about records that cannot be used."""

    on_bad: OnBad = "raise"
    """raise: name all records with bad framing, labels or image headers before the first batch; skip: decode every
    image once, too, and leave the bad ones out."""
    max_bad: float = 0.01
    """Largest share of records that skip may leave out."""
    coordinates: AnyCoordinates = "auto"
    """Whether labels hold fractions of the image or pixels; auto: what nearly all of them look like."""

    def __post_init__(self) -> None:
        faults = []
        if self.on_bad not in ("raise", "skip"):
            faults.append(f"on_bad must be raise or skip, not {self.on_bad!r}")
        if self.coordinates not in ("auto", "fraction", "pixel"):
            faults.append(f"coordinates must be auto, fraction or pixel, not {self.coordinates!r}")
        _raise_all(self, faults + _check_probability("max_bad", self.max_bad))


@dataclass(frozen=True)
class TrainConfig:
    """A training. Option names and defaults are those of GluonCV's `train_ssd.py` where it has them."""

    train: tuple[str, ...] = ()
    """Training shards: paths or globs."""
    val: tuple[str, ...] = ()
    """Validation shards: paths or globs; without them nothing is scored."""
    classes: str = ""
    """A file with one class name a line, or names separated by commas; default: classes.txt beside the shards."""
    network: str = "vgg16_atrous"
    """Backbone of the SSD in GluonCV's model zoo."""
    data_shape: int = 300
    """Side of the network input in pixels, as the network has it: 300 or 512, or 128 for mobilenet0.25."""
    on_bad: OnBad = "raise"
    """Bad records; raise: name them all before training begins; skip: leave them out and list them in a file."""
    max_bad: float = 0.01
    """Largest share of bad records that skip may leave out."""
    coordinates: AnyCoordinates = "auto"
    """Whether labels hold fractions of the image or pixels; auto: what nearly all of them look like."""
    recipe: str = "ssd300"
    """Augmentation and pipelines: a name from the entry points `dali_ssd.pipelines`, or module:attribute."""
    pretrained_base: Literal["auto", "yes", "no"] = "auto"
    """Start from the backbone's ImageNet weights; auto: if they can be downloaded."""
    batch_size: int = 32
    """Images a step, over all devices."""
    num_workers: Annotated[int, tyro.conf.arg(aliases=["-j"])] = 0
    """Loader threads over all devices; 0 takes what the machine has."""
    gpus: str = "auto"
    """GPU numbers separated by commas; empty: the CPU; auto: GPU 0, or the CPU where there is none."""
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
        faults = _check_positive(
            self, "data_shape", "batch_size", "epochs", "lr", "lr_decay", "val_interval", "checkpoint_keep"
        )
        faults += [
            f"{name} must not be negative, not {getattr(self, name)!r}"
            for name in (
                "num_workers", "start_epoch", "momentum", "wd", "log_interval", "save_interval", "checkpoint_every",
                "seed",
            )
            if not getattr(self, name) >= 0
        ]  # fmt: skip
        faults += check_random_seed(self.seed)
        if not self.lr < float("inf"):
            faults.append(f"lr must be finite, not {self.lr!r}")
        if self.start_epoch >= max(self.epochs, 1):
            faults.append(f"start_epoch {self.start_epoch} leaves nothing to do of {self.epochs} epochs")
        _raise_all(self, faults)


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
    drop_empty: bool = False
    """Leave out images without objects; otherwise they are kept as background."""
    overwrite: bool = False
    """Replace shards of the same name, and classes.txt."""

    def __post_init__(self) -> None:
        faults = _check_positive(self, "shards")
        if self.workers < 0:
            faults.append(f"workers must not be negative, not {self.workers!r}")
        if self.seed < 0:
            faults.append(f"seed must not be negative, not {self.seed!r}")
        if self.exif not in ("auto", "raw", "upright"):
            faults.append(f"exif must be auto, raw or upright, not {self.exif!r}")
        _raise_all(self, faults)


@dataclass(frozen=True)
class VocConfig(ConvertConfig):
    """Convert Pascal VOC annotations (one XML file an image) to shards."""

    one_based: bool = True
    """Pixels count from 1, as VOC has it: 1 is subtracted from all coordinates, as GluonCV does."""


@dataclass(frozen=True)
class CocoConfig(ConvertConfig):
    """Convert COCO annotations (one JSON file) to shards. SRC may also be the JSON file itself."""

    crowd: bool = False
    """Keep crowd regions, marked difficult; otherwise they are left out."""


@dataclass(frozen=True)
class CheckConfig:
    """Find every damaged or doubtful record of some shards. Exit code 0: none; 1: some; 2: a shard cannot be read."""

    shards: tuple[str, ...]
    """Shards or patterns such as 'data/*.rec'."""
    decode: bool = False
    """Decode every image as well."""
    coordinates: Literal["fraction", "pixel"] = "fraction"
    """What the boxes are meant to be in: fractions of the image, as MXNet has it, or pixels."""
    classes: str = ""
    """Class names, a file or a list, or their number; empty: classes.txt beside the shards, if there is one."""
    json: Path | None = None
    """Write all findings to this file."""
    fix: Path | None = None
    """Write clean shards into this folder: what can be mended mended, the rest left out. The input stays as it is."""
    quarantine: Path | None = None
    """Put links to the shards into this folder, with indexes that leave bad records out."""
    workers: int = 0
    """Processes; 0: as many as there are cores."""
    show: int = 20
    """Findings printed of each kind; 0: all."""

    def __post_init__(self) -> None:
        faults = [
            f"{name} must not be negative, not {getattr(self, name)!r}"
            for name in ("workers", "show")
            if getattr(self, name) < 0
        ]
        if self.coordinates not in ("fraction", "pixel"):
            faults.append(f"coordinates must be fraction or pixel, not {self.coordinates!r}")
        _raise_all(self, faults)
