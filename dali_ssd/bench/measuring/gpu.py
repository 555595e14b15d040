"""Readings of the GPUs by `nvidia-smi`; none on a machine without a GPU."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

__all__ = ["GpuReading", "gpu_names", "read_gpu"]


@dataclass(frozen=True)
class GpuReading:
    """A reading of the first GPU that CUDA sees."""

    utilization: float
    """Percent of the time during which a kernel ran, as `nvidia-smi` reports it."""
    memory_mb: float
    """Memory in use by all processes."""


def gpu_names() -> list[str]:
    """Return name, memory and driver version of each GPU, as one string per GPU."""
    return [
        f"{name}, {memory} MiB, driver {driver}" for name, memory, driver in _query("name,memory.total,driver_version")
    ]


def read_gpu() -> GpuReading | None:
    """Read utilization and memory of the first GPU; return None if it does not report them."""
    for row in _query("utilization.gpu,memory.used"):
        try:
            utilization, memory = map(float, row)
            return GpuReading(utilization, memory)
        except ValueError:  # "[N/A]", such as on a GPU that is split into parts
            return None
    return None


def _query(fields: str) -> list[list[str]]:
    """Query `fields` of every GPU; return an empty list if there is none or the tool fails."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:  # nvidia-smi itself lists all of them
        command.append(f"--id={visible}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [[part.strip() for part in line.split(",")] for line in done.stdout.splitlines() if line.strip()]
