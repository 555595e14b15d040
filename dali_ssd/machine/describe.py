"""The machine and the versions of libraries, on which the numbers depend."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from dali_ssd import __version__
from dali_ssd.machine.gpu import gpu_names
from dali_ssd.util.parallel import available_cores

__all__ = ["Machine", "describe_machine", "versions"]

_DISTRIBUTIONS = {
    "dali": ("nvidia-dali-cuda130", "nvidia-dali-cuda120", "nvidia-dali-cuda110"),
    "mxnet": ("mxnet", "mxnet-cu117", "mxnet-cu112"),
    "gluoncv": ("gluoncv",),
    "torch": ("torch",),
    "torchvision": ("torchvision",),
    "numpy": ("numpy",),
    "numba": ("numba",),
    "opencv": ("opencv-python-headless", "opencv-python"),
}


@dataclass(frozen=True)
class Machine:
    """The machine, and its load before the benchmark."""

    cpu: str
    cores: int
    """Cores this process may use."""
    memory_gb: float
    """In 10^9 bytes."""
    load: float
    """Load average over the minute before the benchmark began."""
    system: str
    gpus: list[str] = field(default_factory=list)


def describe_machine() -> Machine:
    """Describe this machine."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    load = os.getloadavg()[0]
    return Machine(_cpu_model(), available_cores(), memory / 1e9, load, platform.platform(), gpu_names())


def versions() -> dict[str, str]:
    """Return the versions of the libraries that are compared or affect the speed, or `not installed`."""
    found = {"dali_ssd": __version__, "python": platform.python_version()}
    return found | {name: _first_version(candidates) for name, candidates in _DISTRIBUTIONS.items()}


def _first_version(candidates: tuple[str, ...]) -> str:
    for candidate in candidates:
        try:
            return f"{metadata.version(candidate)} ({candidate})"
        except metadata.PackageNotFoundError:
            continue
    return "not installed"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
