"""The options of the benchmark, checked before anything is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from dali_ssd.bench.anchors import VGG_SHAPES
from dali_ssd.bench.contenders import CONTENDERS, NO_TARGETS
from dali_ssd.bench.measuring.measure import Window
from dali_ssd.util.parallel import available_cores
from dali_ssd.util.validation import check_positive, check_types, raise_all

__all__ = ["BenchConfig", "gpus_faults"]

_TRAINING = ("dali_ssd", "gluoncv", "synthetic")
_POSITIVE = ("cpus", "rounds", "seconds", "warmup", "warmup_seconds", "min_batches", "timeout", "draw")


@dataclass(frozen=True)
class BenchConfig:
    """Compare loaders on the same work, each in a fresh process, in interleaved rounds."""

    shards: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Shards: paths or patterns such as 'data/*.rec'. Without shards, the benchmark draws its own."""
    contenders: str = ""
    """Names separated by commas; default: dali_ssd, gluoncv, mxnet, stock, decode, synthetic, and with --train
    dali_ssd, gluoncv, synthetic. A name with a dot is a module of your own with a function `batches` as described by
    dali_ssd.bench.work.Contender."""
    threads: str = ""
    """Threads, or worker processes, of each contender on each device: numbers separated by commas; default: all cores,
    divided by the number of devices."""
    batch_sizes: str = "32"
    """Images per batch on each device: numbers separated by commas."""
    data_shape: int = 300
    """Side of the network input in pixels: 300 or 512, with the anchors of GluonCV's VGG16 SSD of that size."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Device that batches must reach; auto: a GPU if `nvidia-smi` finds one, else the CPU."""
    gpus: str = ""
    """GPUs to measure at once, a process for each: all, or numbers separated by commas, as CUDA counts here. The first
    is measured alone as well, with as many threads and cores as each has in the whole. Default: the first alone."""
    cpus: int = 1
    """The same without a GPU: so many parts of the CPU's cores are measured at once, and the first alone."""
    rounds: int = 3
    """Measurements of each contender."""
    seconds: float = Window.seconds
    """Shortest measurement in seconds."""
    warmup: int = Window.warmup
    """Fewest batches before each measurement."""
    warmup_seconds: float = Window.warmup_seconds
    """Shortest warm-up before each measurement in seconds; buffers grow for large images."""
    min_batches: int = Window.min_batches
    """Fewest batches in a measurement."""
    timeout: float = 600.0
    """Seconds after which a contender is stopped."""
    train: bool = False
    """Measure training instead of loading alone: each contender feeds the same network."""
    network: str = "mobilenet0.25"
    """Backbone for --train."""
    steps: bool = False
    """Measure each step of dali_ssd's pipeline on one thread instead of comparing loaders."""
    json: str = ""
    """Write the record of the experiment to this file."""
    plot: str = ""
    """Draw the results into this PNG."""
    record: str = ""
    """Show, and with --plot draw, a record written by --json; nothing is measured."""
    draw: int = 512
    """Images to draw if no shards are given."""
    seed: int = 233

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, *_POSITIVE)
        faults += _number_faults("threads", self.threads) + _number_faults("batch_sizes", self.batch_sizes)
        unknown = [name for name in self.contender_names if name not in CONTENDERS and "." not in name]
        if unknown:
            faults.append(f"there is no contender {', '.join(unknown)}; there are {', '.join(CONTENDERS)}")
        if not self.train and self.data_shape not in VGG_SHAPES:
            faults.append(f"data_shape must be {' or '.join(map(str, VGG_SHAPES))}, not {self.data_shape!r}")
        without = [name for name in self.contender_names if name in NO_TARGETS] if self.train else []
        if without:
            faults.append(f"{', '.join(without)} cannot train a network: no targets")
        if self.steps and (self.train or self.contenders or self.threads):
            faults.append("steps measures dali_ssd on one thread, so leave out --train, --contenders and --threads")
        faults += _device_faults(self)
        if self.record and (self.shards or self.train or self.steps):
            faults.append("record shows an earlier result, so it goes with --plot only")
        raise_all(self, faults)

    @property
    def contender_names(self) -> list[str]:
        """Contenders to measure."""
        return _words(self.contenders) or list(_TRAINING if self.train else CONTENDERS)

    def thread_counts(self, devices: int = 1) -> list[int]:
        """Return the numbers of threads to measure with, for each of so many devices."""
        return [int(word) for word in _words(self.threads)] or [max(1, available_cores() // devices)]

    @property
    def sizes(self) -> list[int]:
        """Batch sizes to measure with."""
        return [int(word) for word in _words(self.batch_sizes)]

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
    numbers = gpus.split(",")
    if gpus == "all" or (all(map(str.isdecimal, numbers)) and len({*map(int, numbers)}) == len(numbers)):
        return []
    return [f"gpus must be all, or different numbers separated by commas, not {gpus!r}"]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _device_faults(config: BenchConfig) -> list[str]:
    faults = gpus_faults(config.gpus) if config.gpus else []
    if config.gpus and (config.device == "cpu" or config.cpus > 1):
        faults.append("gpus measures GPUs, so leave out --device cpu and --cpus")
    if config.cpus > 1 and config.device == "gpu":
        faults.append("cpus divides a CPU, so leave out --device gpu")
    if config.steps and (config.gpus or config.cpus > 1):
        faults.append("steps are measured on one device, so leave out --gpus and --cpus")
    return faults


def _number_faults(name: str, text: str) -> list[str]:
    wrong = [word for word in _words(text) if not (word.isdecimal() and int(word) > 0)]
    return [f"{name} must be whole numbers above 0 separated by commas, not {text!r}"] if wrong else []
