"""The GPUs that CUDA shows to this process, and readings of them, by `nvidia-smi`; none on a machine without a GPU."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Gpu", "GpuReading", "gpu_names", "read_gpus", "visible_gpus", "why_no_gpu"]

_TOOL = "nvidia-smi"
_MEMORY, _UTILIZATION = "memory.used", "utilization.gpu"
_ENGINES = ("utilization.decoder", "utilization.jpeg")
"""Readings that older versions of the tool do not know."""
_engines: dict[str, tuple[str, ...]] = {}
"""Those that this tool knows, once it has answered."""


@dataclass(frozen=True)
class Gpu:
    """A GPU that CUDA shows to this process."""

    uuid: str
    """Its name for CUDA_VISIBLE_DEVICES, the same whatever the order in which CUDA counts."""
    name: str
    memory_mib: float
    driver: str
    bus: str
    """Its address in /sys/bus/pci/devices."""

    def __str__(self) -> str:
        return f"{self.name}, {self.memory_mib:.0f} MiB, driver {self.driver}"


@dataclass(frozen=True)
class GpuReading:
    """What a GPU does at one moment."""

    utilization: float | None
    """Percent of the time during which a kernel ran, as `nvidia-smi` reports it; None where it does not tell, such as
    of a GPU that is split into parts (MIG)."""
    memory_mb: float | None
    """Memory in use by all processes, in 2^20 bytes."""
    decoder: float | None = None
    """Percent of the time during which the video decoder worked; None if the tool does not tell."""
    jpeg: float | None = None
    """Likewise of the hardware decoder of JPEGs."""


def visible_gpus() -> list[Gpu]:
    """Return the GPUs in the order of CUDA_VISIBLE_DEVICES, or as `nvidia-smi` lists them.

    Parts of a GPU (MIG) are not found.
    """
    return [
        Gpu(
            row["uuid"],
            row["name"],
            _number(row["memory.total"]) or 0.0,
            row["driver_version"],
            _sysfs(row["pci.bus_id"]),
        )
        for row in _visible(_query("index", "uuid", "name", "memory.total", "driver_version", "pci.bus_id"))
    ]


def gpu_names() -> list[str]:
    """Return name, memory and driver version of each GPU, as one string per GPU."""
    return [str(gpu) for gpu in visible_gpus()]


def read_gpus() -> dict[str, GpuReading]:
    """Read the machine's GPUs that report utilization or memory; keys are their `Gpu.uuid`."""
    readings = {
        row["uuid"]: GpuReading(*(_number(row.get(name, "")) for name in (_UTILIZATION, _MEMORY, *_ENGINES)))
        for row in _query("uuid", _UTILIZATION, _MEMORY, *_known_engines())
    }
    return {uuid: one for uuid, one in readings.items() if one != GpuReading(None, None)}


def why_no_gpu() -> str:
    """Return what is missing where `visible_gpus` is empty."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shutil.which(_TOOL) is None:
        return f"{_TOOL} is not on PATH: NVIDIA's driver brings it, and in a container `docker run --gpus all`"
    if hidden is not None and hidden.strip().startswith("MIG-"):
        return f"CUDA_VISIBLE_DEVICES={hidden} names a part of a GPU (MIG), which is not supported: name whole GPUs"
    if hidden is not None and _query("uuid"):
        return f"CUDA_VISIBLE_DEVICES={hidden} hides all GPUs of this machine"
    said = (_run("--query-gpu=uuid").splitlines() or ["it lists none"])[0]
    return f"{_TOOL} finds none ({said}): look at the driver, and in a container use `docker run --gpus all`"


def _visible(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    if names is None:
        return list(rows)
    found: list[dict[str, str]] = []
    for name in (part.strip() for part in names.split(",")):
        row = next((row for row in rows if _is_called(name, row)), None)
        if row is None:  # CUDA shows none from the first that is not there
            break
        found.append(row)
    return found


def _is_called(name: str, row: dict[str, str]) -> bool:
    return name == row["index"] or (name.startswith("GPU-") and row["uuid"].startswith(name))


def _sysfs(bus: str) -> str:
    """Shorten the domain of a PCI address to the four digits that the kernel writes."""
    domain, _, rest = bus.lower().partition(":")
    return f"{domain[-4:]}:{rest}"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # "[N/A]", such as on a GPU that is split into parts
        return None


def _known_engines() -> tuple[str, ...]:
    if _TOOL not in _engines:
        known = _run("--help-query-gpu")
        if not known:  # it may answer the next time
            return ()
        _engines[_TOOL] = tuple(name for name in _ENGINES if name in known)
    return _engines[_TOOL]


def _query(*fields: str) -> list[dict[str, str]]:
    """Query `fields` of every GPU; return an empty list if there is none or the tool fails."""
    rows = [[part.strip() for part in line.split(",")] for line in _run(f"--query-gpu={','.join(fields)}").splitlines()]
    return [dict(zip(fields, row, strict=True)) for row in rows if len(row) == len(fields)]


def _run(option: str) -> str:
    """Return what the tool prints; nothing if it is not there or does not answer."""
    tool = shutil.which(_TOOL)
    command = [str(tool), option, *(["--format=csv,noheader,nounits"] if "=" in option else [])]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout if tool else ""
    except (OSError, subprocess.SubprocessError):
        return ""
