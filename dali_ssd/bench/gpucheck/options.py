"""The options of `dali-ssd gpu-check`, checked before anything starts."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

from dali_ssd.anchors import VGG_SHAPES
from dali_ssd.bench.options import BenchConfig, CommonConfig, gpus_faults, list_faults, words
from dali_ssd.util.validation import check_positive, check_types, raise_all

__all__ = ["GpuCheckConfig"]

_POSITIVE = ("rounds", "seconds", "warmup_seconds", "timeout", "images")


@dataclass(frozen=True)
class GpuCheckConfig(CommonConfig):
    """Check and measure this package on NVIDIA GPUs, and write DIR/gpu-check.json and DIR/gpu-check.md.

    Exit code 0: all checks passed and all was measured; 1: not all; 2: it could not start, such as without a GPU. What
    was measured before a failure or Ctrl-C is written. One measurement takes about 20 seconds, and each data shape has
    two, of the loader and of the decoder alone, for each batch size on each GPU and on all.
    """

    out: Path = field(kw_only=True)
    """Folder for the two files; it is made if missing."""
    gpus: str = "all"
    """GPUs to check: all, or numbers separated by commas, from 0 in the order of CUDA_VISIBLE_DEVICES, or else of
    nvidia-smi. Each is measured alone, and all at once."""
    batch_sizes: str = "32,128,256"
    """Images per batch on each GPU: numbers separated by commas."""
    data_shapes: str = "300,512"
    """Sides of the network input in pixels: 300, 512 or both."""
    rounds: int = 1
    """Measurements of each setting."""
    images: int = 64
    """Records that the checks compare, taken evenly from all."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, *_POSITIVE) + gpus_faults(self.gpus)
        faults += list_faults("batch_sizes", self.batch_sizes)
        known = [str(shape) for shape in VGG_SHAPES]
        if not words(self.data_shapes) or not {*words(self.data_shapes)} <= {*known}:
            faults.append(
                f"data_shapes must be {', '.join(known)} or both separated by commas, not {self.data_shapes!r}"
            )
        raise_all(self, faults)

    def benchmarks(self) -> list[BenchConfig]:
        """Return the options of the benchmark of each data shape."""
        common = {one.name: getattr(self, one.name) for one in fields(CommonConfig) if one.name != "gpus"}
        shapes = dict.fromkeys(map(int, words(self.data_shapes)))
        return [BenchConfig(**common, contenders="dali_ssd,decode", data_shape=shape) for shape in shapes]
