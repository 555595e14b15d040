"""The options of `dali-ssd gpu-check`, checked before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from dali_ssd.bench.measuring.measure import Window
from dali_ssd.bench.options import BenchConfig, gpus_faults
from dali_ssd.util.validation import check_positive, check_types, raise_all

__all__ = ["GpuCheckConfig"]

_POSITIVE = ("rounds", "seconds", "warmup_seconds", "timeout", "images")


@dataclass(frozen=True)
class GpuCheckConfig:
    """Check and measure this package on NVIDIA GPUs, and write DIR/gpu-check.json and DIR/gpu-check.md.

    Exit code 0: all checks passed and all was measured; 1: not all; 2: it could not start, such as without a GPU. What
    was measured before a failure or Ctrl-C is written.
    """

    out: Path
    """Folder for the two files; it is made if missing."""
    shards: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Shards of JPEGs as they are to be loaded: paths or patterns such as 'data/*.rec'. Without shards, some are drawn,
    of Pascal VOC's size."""
    gpus: str = "all"
    """GPUs to check: all, or numbers separated by commas, as CUDA counts here. Each is measured alone, and all at
    once."""
    batch_sizes: str = "32,128,256"
    """Images per batch on each GPU: numbers separated by commas."""
    data_shapes: str = "300,512"
    """Sides of the network input in pixels: 300, 512 or both."""
    rounds: int = 1
    """Measurements of each setting. One takes about 20 seconds, and each data shape has two, of the loader and of the
    decoder alone, for each batch size on each GPU and on all."""
    seconds: float = Window.seconds
    """Shortest measurement in seconds."""
    warmup_seconds: float = Window.warmup_seconds
    """Shortest warm-up before each measurement in seconds."""
    timeout: float = 600.0
    """Seconds after which a process is stopped."""
    images: int = 64
    """Records that the checks compare, taken evenly from all."""
    seed: int = 233

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, *_POSITIVE) + gpus_faults(self.gpus)
        raise_all(self, faults)
        self.benchmarks()

    def benchmarks(self) -> list[BenchConfig]:
        """Return the options of the benchmark of each data shape; ConfigError is raised if they cannot work."""
        return [
            BenchConfig(
                self.shards,
                contenders="dali_ssd,decode",
                batch_sizes=self.batch_sizes,
                data_shape=int(word) if word.strip().isdecimal() else 0,
                rounds=self.rounds,
                seconds=self.seconds,
                warmup_seconds=self.warmup_seconds,
                timeout=self.timeout,
                seed=self.seed,
            )
            for word in self.data_shapes.split(",")
        ]
