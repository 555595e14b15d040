"""The options of pipelines and loaders, once: commands take defaults from here and add their own in `options.py`.

Plain frozen dataclasses without DALI or MXNet, so that `dali-ssd --help` needs neither. Each field says where its
default comes from; `__post_init__` reports all faults of an object at once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from dali_ssd.util.validation import (
    check_at_most,
    check_choices,
    check_not_negative,
    check_positive,
    check_probability,
    check_range,
    check_types,
    is_whole,
    raise_all,
)

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "INTERPOLATIONS",
    "AnyUnit",
    "AugmentConfig",
    "CoordinateUnit",
    "InputConfig",
    "NvjpegConfig",
    "OnBad",
    "PipelineConfig",
    "PluginUse",
    "RecordsConfig",
    "RenderConfig",
    "TargetConfig",
    "TargetKind",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""RGB mean of ImageNet as fractions of 255, the one GluonCV's pretrained backbones expect."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""RGB standard deviation of ImageNet as fractions of 255."""
_LARGEST = 1000
"""Far beyond a channel's mean or deviation, which are shares of 255. Near float32's limits, pixels would be NaN."""
INTERPOLATIONS = ("nearest", "linear", "cubic", "area", "lanczos")
"""Resampling filters by name; the position is the code that travels through the graph (OpenCV's order)."""


@dataclass(frozen=True)
class AugmentConfig:
    """Random changes of a training image. Defaults: GluonCV's `SSDDefaultTrainTransform`, except `hue`."""

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
    """Attempts per minimum IoU."""
    interpolations: tuple[str, ...] = INTERPOLATIONS
    """Filters, one of which is drawn per image."""
    mirror_probability: float = 0.5
    """Probability of a left-right mirror image."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = [
            fault
            for field in fields(self)
            if field.name.endswith("_probability")
            for fault in check_probability(field.name, getattr(self, field.name))
        ]
        faults += check_range("contrast", self.contrast, 0, 10)
        faults += check_range("saturation", self.saturation, 0, 10)
        faults += check_range("expand_ratio", self.expand_ratio, 1, 100)
        faults += check_range("crop_scale", self.crop_scale, 0.01, 1)
        faults += check_range("crop_aspect", self.crop_aspect, 0.01, 100)
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
        raise_all(self, faults)


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
        check_types(self)
        faults = []
        if not 16 <= self.data_shape <= 4096:
            faults.append(f"data_shape must be within 16..4096 pixels, not {self.data_shape!r}")
        faults += check_choices(self, "dtype", "layout")
        if not all(abs(mean) <= _LARGEST for mean in self.mean):
            faults.append(f"mean must be within -{_LARGEST}..{_LARGEST}, not {self.mean!r}")
        if not all(0 < std <= _LARGEST for std in self.std):
            faults.append(f"std must be greater than 0 and at most {_LARGEST}, not {self.std!r}")
        raise_all(self, faults)


TargetKind = Literal["exact", "box_encoder", "boxes"]


@dataclass(frozen=True)
class TargetConfig:
    """How boxes become training targets. Defaults: GluonCV's `SSDTargetGenerator`."""

    targets: TargetKind = "exact"
    """`exact`: GluonCV's matching, ties included; `box_encoder`: DALI's operator, with about 5% fewer positives;
    `boxes`: the boxes themselves, for networks that match them with their anchors, such as torchvision's."""
    iou_threshold: float = 0.5
    stds: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_choices(self, "targets")
        if not 0 < self.iou_threshold <= 1:
            faults.append(f"iou_threshold must be within 0..1, not {self.iou_threshold!r}")
        if not all(s > 0 for s in self.stds):
            faults.append(f"stds must be greater than 0, not {self.stds!r}")
        raise_all(self, faults)


PluginUse = Literal["auto", "require", "off"]


@dataclass(frozen=True)
class PipelineConfig:
    """How the pipelines of a loader run."""

    batch_size: int = 32
    """Images per batch, over all devices of this process."""
    num_threads: int | Literal["auto"] = "auto"
    """Worker threads over all devices, at least one for each pipeline; `auto`: the cores this process may use."""
    prefetch: int = 2
    """Runs of a pipeline prepared ahead. A run is one batch, or several batches of small images for training on a
    CPU. On 2 cores, 3 was no faster than 2, and 1 half as fast: nothing is prepared while a run is taken."""
    initial_fill: int = 2048
    """Records that the shuffle draws from, or all if there are fewer. They are held in memory: 2048 large photos of
    250 KB are 0.5 GB."""
    upright: bool = False
    """Turn images by their EXIF orientation. Off: labels refer to the output of MXNet's `imdecode`, which does not."""
    seed: int = 233
    """GluonCV's default seed."""
    plugin: PluginUse = "auto"
    """What renders and makes exact targets on a GPU. auto: this package's plugin for DALI, built at the first use if it
    is not there; or DALI's operators and the host, with a warning, if it cannot be had. require: the plugin, or an
    error. off: never the plugin. Without effect on a CPU."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "batch_size", "prefetch", "initial_fill")
        faults += check_choices(self, "plugin")
        if self.num_threads != "auto" and not (is_whole(self.num_threads) and 0 < int(self.num_threads) <= 1024):
            faults.append(f"num_threads must be auto or within 1..1024, not {self.num_threads!r}")
        faults += check_at_most(self, batch_size=65536, prefetch=64)  # far beyond, DALI would end the process
        if not 0 <= self.seed <= 2**62:  # DALI takes 64 bits, and draws a seed of its own for a negative one
            faults.append(f"seed must be within 0..2^62, not {self.seed!r}")
        raise_all(self, faults)


@dataclass(frozen=True)
class NvjpegConfig:
    """How nvJPEG decodes on a GPU; without effect on a CPU. docs/gpu.md has figures of one card."""

    hw_decoder_load: float = 1.0
    """Share of the images that go to the hardware decoder, where the GPU has one that takes them (A100, H100 and newer;
    sequential JPEGs). All, so that the host's cores are left to reading, planning and the training loop: with DALI's
    own 0.65, a third takes the hybrid decoder, whose Huffman decoding is the host's below a megapixel. Less where the
    hardware decoder is the limit and cores are idle."""
    preallocate_width: int = 0
    """Width in pixels for which the hardware decoder has memory from the beginning, for each image of a batch. 0: its
    buffers grow within the first batches. The largest image of the shards is no good default: a batch of that size
    may be more than the GPU holds, and no such batch need ever come."""
    preallocate_height: int = 0
    """Height in pixels, likewise; both or none."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_not_negative(self, "preallocate_width", "preallocate_height")
        if not 0 <= self.hw_decoder_load <= 1:
            faults.append(f"hw_decoder_load must be a share within 0..1, not {self.hw_decoder_load!r}")
        faults += check_at_most(self, preallocate_width=65535, preallocate_height=65535)  # no JPEG is larger
        if not faults and bool(self.preallocate_width) != bool(self.preallocate_height):
            sides = f"{self.preallocate_width!r} and {self.preallocate_height!r}"
            faults.append(f"preallocate_width and preallocate_height must both be given or both be 0, not {sides}")
        raise_all(self, faults)


@dataclass(frozen=True)
class InputConfig:
    """Options of commands about the network's input."""

    recipe: str = ""
    """Recipe with all numbers of the input and its targets: a name from the entry points `dali_ssd.pipelines`, or
    module:attribute; empty: ssd512 for 512 pixels, else ssd300 at the size of data_shape."""
    data_shape: int = 0
    """Side of the network input in pixels, one that the network has: 300 or 512, or 128 for mobilenet0.25; 0: the
    recipe's."""

    def __post_init__(self) -> None:
        check_types(self)
        raise_all(self, check_not_negative(self, "data_shape"))
        if self.data_shape:
            RenderConfig(data_shape=self.data_shape)  # refuses a size that no input can have


OnBad = Literal["raise", "skip"]
CoordinateUnit = Literal["fraction", "pixel"]
"""Unit of a box's numbers: shares of the image's width and height, or its pixels."""
AnyUnit = Literal["auto", "fraction", "pixel"]


@dataclass(frozen=True)
class RecordsConfig:
    """What to do about records that cannot be used."""

    on_bad: OnBad = "raise"
    """raise: name all records with bad framing, labels or image headers before the first batch; skip: also decode
    every image once, and leave the bad ones out."""
    max_bad: float = 0.01
    """Largest share of records that skip may leave out."""
    coordinates: AnyUnit = "auto"
    """Unit of the labels, fractions of the image or pixels; auto: the unit that nearly all of them seem to have."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_choices(self, "on_bad", "coordinates")
        raise_all(self, faults + check_probability("max_bad", self.max_bad))
