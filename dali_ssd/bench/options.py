"""The options of the benchmark, and those that `dali-ssd gpu-check` shares, checked before anything is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Literal

import tyro

from dali_ssd.anchors import VGG_SHAPES
from dali_ssd.bench.cluster.options import keys_in_words, read_cluster
from dali_ssd.bench.contenders import CANNOT_TRAIN, CONTENDERS
from dali_ssd.bench.measuring.measure import Window
from dali_ssd.util.parallel import available_cores
from dali_ssd.util.validation import check_ending, check_positive, check_types, raise_all

__all__ = ["BenchConfig", "CommonConfig", "gpus_faults", "list_faults", "words"]

_TRAINING = ("dali_ssd", "gluoncv", "synthetic")
_POSITIVE = ("cpus", "rounds", "seconds", "warmup", "warmup_seconds", "min_batches", "timeout", "draw")
_WITH_RECORD = ("record", "plot", "json")
_OF_WINDOWS = ("rounds", "seconds", "warmup", "warmup_seconds", "min_batches", "timeout", "seed")
_WITH_PLAN = ("plan", "json", "shards", "draw", "data_shape", *_OF_WINDOWS)
_PLAN = tyro.conf.arg(
    constructor=str,  # an empty text is no plan, and not as if there were none
    metavar="KEY=VALUE,...",
    help_behavior_hint="(default: none)",
    help="Compute what a cluster needs to train on these shards, and what would be the bottleneck, instead of "
    f"comparing loaders: such as gpus=8,nodes=8,rate=1527, as docs/scaling-plan.md explains. Keys: {keys_in_words()}",
)


@dataclass(frozen=True)
class CommonConfig:
    """Options of all that measures."""

    shards: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Shards: paths or patterns such as 'data/*.rec'. Without shards, some are drawn, of Pascal VOC's size."""
    gpus: str = ""
    """GPUs to measure at once, a process for each: all, or numbers separated by commas, from 0 in the order of
    CUDA_VISIBLE_DEVICES, or else of nvidia-smi. Default: the first alone."""
    batch_sizes: str = "32"
    """Images per batch on each device: numbers separated by commas."""
    rounds: int = 3
    """Measurements of each setting."""
    seconds: float = Window.seconds
    """Shortest measurement in seconds."""
    warmup_seconds: float = Window.warmup_seconds
    """Shortest warm-up before each measurement in seconds; buffers grow for large images."""
    timeout: float = 600.0
    """Seconds after which a process is stopped."""
    seed: int = 233
    """Of the loaders."""


@dataclass(frozen=True)
class BenchConfig(CommonConfig):
    """Compare loaders on the same work, each in a fresh process, in interleaved rounds.

    With several --gpus, the first is measured alone as well, with as many threads and cores as each has in the whole.
    """

    contenders: str = ""
    """Names separated by commas; default: dali_ssd, gluoncv, torchvision, mxnet, stock, decode, synthetic, and with
    --train dali_ssd, gluoncv, synthetic. A name with a dot is a module of your own with a function `batches` as
    described by dali_ssd.bench.work.Contender."""
    threads: str = ""
    """Threads, or worker processes, of each contender on each device: numbers separated by commas; default: all cores,
    divided by the number of devices."""
    data_shape: int = 300
    """Side of the network input in pixels: 300 or 512, with the anchors of GluonCV's VGG16 SSD of that size."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Device that batches must reach; auto: a GPU if `nvidia-smi` finds one, else the CPU."""
    cpus: int = 1
    """What --gpus is without a GPU: so many parts of the CPU's cores are measured at once, and the first alone."""
    warmup: int = Window.warmup
    """Fewest batches before each measurement."""
    min_batches: int = Window.min_batches
    """Fewest batches in a measurement."""
    train: bool = False
    """Measure training instead of loading alone: each contender feeds the same network."""
    network: str = "mobilenet0.25"
    """Backbone for --train."""
    steps: bool = False
    """Measure each step of dali_ssd's pipeline on one thread instead of comparing loaders."""
    plan: Annotated[str | None, _PLAN] = None
    json: str = ""
    """Write the record of the experiment to this file."""
    plot: str = ""
    """Draw the results into this PNG."""
    record: str = ""
    """Show, and with --plot draw, a record written by --json; nothing is measured."""
    draw: int = 512
    """Images to draw if no shards are given."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, *_POSITIVE)
        faults += list_faults("batch_sizes", self.batch_sizes)
        faults += list_faults("threads", self.threads) if self.threads else []
        if self.contenders and not words(self.contenders):
            faults.append(f"contenders must be names separated by commas, not {self.contenders!r}")
        unknown = [name for name in self.contender_names if name not in CONTENDERS and "." not in name]
        if unknown:
            faults.append(f"there is no contender {', '.join(unknown)}; there are {', '.join(CONTENDERS)}")
        if not self.train and self.data_shape not in VGG_SHAPES:
            faults.append(f"data_shape must be {' or '.join(map(str, VGG_SHAPES))}, not {self.data_shape!r}")
        faults += _train_faults(self.contender_names) if self.train else []
        if self.steps and (self.train or self.contenders or self.threads):
            faults.append("steps measures dali_ssd on one thread, so leave out --train, --contenders and --threads")
        faults += _device_faults(self)
        faults += check_ending(self, "json", ".json") + check_ending(self, "plot", ".png")
        faults += _faults_beside(self, "record", _WITH_RECORD, "shows an earlier result")
        faults += _faults_beside(self, "plan", _WITH_PLAN, "computes what a cluster needs")
        raise_all(self, faults)
        if self.plan is not None:
            read_cluster(self.plan)

    @property
    def contender_names(self) -> list[str]:
        """Contenders to measure."""
        return words(self.contenders) or list(_TRAINING if self.train else CONTENDERS)

    def thread_counts(self, devices: int = 1) -> list[int]:
        """Return the numbers of threads to measure with, for each of so many devices."""
        return [int(word) for word in words(self.threads)] or [max(1, available_cores() // devices)]

    @property
    def sizes(self) -> list[int]:
        """Batch sizes to measure with."""
        return [int(word) for word in words(self.batch_sizes)]

    @property
    def window(self) -> Window:
        """How long each contender is measured."""
        return Window(
            warmup=self.warmup,
            warmup_seconds=self.warmup_seconds,
            seconds=self.seconds,
            min_batches=self.min_batches,
        )


def gpus_faults(gpus: str) -> list[str]:
    """Return the faults of an option that names GPUs: `all`, or different numbers from 0 separated by commas."""
    numbers = [word.strip() for word in gpus.split(",")]
    if gpus == "all" or (all(map(str.isdecimal, numbers)) and len({*map(int, numbers)}) == len(numbers)):
        return []
    return [f"gpus must be all, or different numbers separated by commas, not {gpus!r}"]


def list_faults(name: str, text: str) -> list[str]:
    """Return the faults of an option that is a list of whole numbers above 0, one at least."""
    wrong = [word for word in words(text) if not (word.isdecimal() and int(word) > 0)]
    if words(text) and not wrong:
        return []
    return [f"{name} must be whole numbers above 0 separated by commas, not {text!r}"]


def words(text: str) -> list[str]:
    """Return what commas separate."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _train_faults(contenders: Sequence[str]) -> list[str]:
    """Return a fault for each reason why some contenders cannot train."""
    without: dict[str, list[str]] = {}
    for name in contenders:
        if name in CANNOT_TRAIN:
            without.setdefault(CANNOT_TRAIN[name], []).append(name)
    return [f"{', '.join(names)} cannot train a network: {why}" for why, names in without.items()]


def _device_faults(config: BenchConfig) -> list[str]:
    faults = gpus_faults(config.gpus) if config.gpus else []
    if config.gpus and (config.device == "cpu" or config.cpus > 1):
        faults.append("gpus measures GPUs, so leave out --device cpu and --cpus")
    if config.cpus > 1 and config.device == "gpu":
        faults.append("cpus divides a CPU, so leave out --device gpu")
    if config.steps and (config.gpus or config.cpus > 1):
        faults.append("steps are measured on one device, so leave out --gpus and --cpus")
    return faults


def _faults_beside(config: BenchConfig, option: str, others: Sequence[str], what: str) -> list[str]:
    """Return the faults of options beside one that leaves no use for them."""
    if not getattr(config, option):
        return []
    given = [one.name for one in fields(config) if getattr(config, one.name) != one.default]
    wrong = [name.replace("_", "-") for name in given if name not in others]
    options = ", ".join(name if name == "shards" else f"--{name}" for name in wrong)
    return [f"{option} {what}, so leave out {options}"] if wrong else []
