"""The devices that contenders are measured on, and the cores that feed each of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from dali_ssd.errors import ConfigError
from dali_ssd.machine.gpu import Gpu, visible_gpus, why_no_gpu
from dali_ssd.util.cores import cores_near, divide_cores
from dali_ssd.util.words import counted

__all__ = ["GPU_ORDER", "Device", "best_device", "cpu_devices", "find_gpus", "one_device"]

GPU_ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
"""What makes CUDA count GPUs as `nvidia-smi` does, and not by speed."""


@dataclass(frozen=True)
class Device:
    """A device that a process is measured on, alone or beside others."""

    kind: Literal["cpu", "gpu"]
    number: int
    """Its place from 0 in CUDA_VISIBLE_DEVICES, or else in the order of `nvidia-smi`; or that of a part of the
    cores."""
    cores: tuple[int, ...]
    """Cores that the process of this device runs on."""
    gpu: Gpu | None = None

    def __str__(self) -> str:
        return f"{self.kind.upper()} {self.number}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes this GPU the only one of a process, and so number 0 to its contender."""
        if self.kind == "cpu":
            return {}
        # A GPU that `nvidia-smi` does not find is the first in the usual order.
        return {**GPU_ORDER, "CUDA_VISIBLE_DEVICES": self.gpu.uuid} if self.gpu else GPU_ORDER


def best_device() -> Literal["cpu", "gpu"]:
    """Return `gpu` if CUDA shows one to this process, else `cpu`."""
    return "gpu" if visible_gpus() else "cpu"


def one_device(kind: Literal["cpu", "gpu"]) -> list[Device]:
    """Return the CPU, or the first GPU, with all cores; the contender says what is wrong if there is no GPU."""
    gpu = next(iter(visible_gpus()), None) if kind == "gpu" else None
    return [Device(kind, 0, tuple(sorted(os.sched_getaffinity(0))), gpu)]


def cpu_devices(count: int) -> list[Device]:
    """Return `count` devices that are parts of this CPU's cores. Raises ConfigError if there are fewer cores."""
    mine = os.sched_getaffinity(0)
    if count > len(mine):
        raise ConfigError(f"--cpus {count}: each part needs a core, and this process may use {len(mine)}")
    parts = divide_cores([mine] * count)
    return [Device("cpu", number, cores) for number, cores in enumerate(parts)]


def find_gpus(numbers: str) -> list[Device]:
    """Return the GPUs that `--gpus` names: `all`, or `Device.number`s separated by commas.

    Raises ConfigError if there is none, not one of these, or one that CUDA_VISIBLE_DEVICES has twice.
    """
    gpus = visible_gpus()
    if not gpus:
        raise ConfigError(f"there is no NVIDIA GPU here: {why_no_gpu()}")
    if len({gpu.uuid for gpu in gpus}) < len(gpus):
        raise ConfigError(f"CUDA_VISIBLE_DEVICES={os.environ['CUDA_VISIBLE_DEVICES']} has a GPU twice: name each once")
    chosen = list(range(len(gpus))) if numbers == "all" else [int(number) for number in numbers.split(",")]
    missing = [number for number in chosen if number >= len(gpus)]
    if missing:
        raise ConfigError(f"--gpus {numbers}: there is no GPU {missing[0]}, but {counted(len(gpus), 'GPU')} from 0")
    parts = divide_cores(
        [cores_near(gpus[number].bus) if len(chosen) > 1 else os.sched_getaffinity(0) for number in chosen]
    )
    return [Device("gpu", number, cores, gpus[number]) for number, cores in zip(chosen, parts, strict=True)]
