"""What is done and looked at once before the first measurement: the plugin, other work on the GPUs, the cores.

As a module it is the process that prepares the plugin (see `process`), since what is loaded stays in a process: the
answer is empty, or says in one line why there is none.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dali_ssd.bench.measuring.devices import Device
from dali_ssd.bench.measuring.process import end_group, in_one_line, serve, start_python
from dali_ssd.machine.gpu import GpuReading, read_gpus
from dali_ssd.plugin import prepare_plugin
from dali_ssd.util.words import counted

__all__ = ["Before", "look_at", "main", "plugin_note"]

_MODULE = "dali_ssd.bench.measuring.before"
_BUSY_PERCENT, _BUSY_MB = 5.0, 1_000.0
"""From here on, a GPU before any measurement has other work: the driver alone takes less."""


@dataclass(frozen=True)
class Before:
    """What was known before the first measurement."""

    readings: dict[str, GpuReading | None] = field(default_factory=dict)
    """Of each GPU by its name such as `GPU 0`; None if the driver told nothing."""
    notes: list[str] = field(default_factory=list)
    """What may make the figures worth less, a line each."""

    @classmethod
    def restored(cls, fields: dict[str, Any]) -> Before:
        """Return what a record has; records from before there was any have nothing."""
        readings = {name: GpuReading(**it) if it else None for name, it in fields.get("readings", {}).items()}
        return cls(readings, fields.get("notes", []))


def look_at(devices: Sequence[Device]) -> Before:
    """Read the GPUs among the devices once, and look whether each device has cores of its own."""
    known = read_gpus() if any(device.gpu for device in devices) else {}
    readings = {str(device): known.get(device.gpu.uuid) for device in devices if device.gpu}
    busy = [f"{name} had other work before the first measurement: {_words(it)}" for name, it in readings.items()
            if it and _is_busy(it)]  # fmt: skip
    return Before(readings, busy + _sharing(devices))


def plugin_note(timeout: float) -> list[str]:
    """Find or build the plugin in a process of its own, with progress on stderr; return why there is none, or nothing.

    Otherwise the first contender would build it, silently and as a part of its first batch.
    """
    with tempfile.TemporaryDirectory(prefix="dali-ssd-plugin-") as folder:
        request, answer = Path(folder) / "request", Path(folder) / "answer.txt"
        process = start_python(_MODULE, request, answer)
        try:
            process.wait(timeout)
            why = answer.read_text() if answer.exists() else f"its process ended with exit code {process.returncode}"
        except subprocess.TimeoutExpired:
            why = f"no answer after {timeout:g} s; it was stopped"
        finally:
            end_group(process)
    return [f"without the plugin, DALI's operators and the host do its work: {why}"] if why else []


def main(_: Path, answer: Path) -> int:
    """Prepare the plugin, and write why there is none."""
    try:
        prepare_plugin()
    except Exception as error:
        answer.write_text(in_one_line(error))
        return 1
    answer.write_text("")
    return 0


def _is_busy(reading: GpuReading) -> bool:
    return (reading.utilization or 0) >= _BUSY_PERCENT or (reading.memory_mb or 0) >= _BUSY_MB


def _words(reading: GpuReading) -> str:
    parts = [] if reading.utilization is None else [f"{reading.utilization:.0f}% utilization"]
    parts += [] if reading.memory_mb is None else [f"{reading.memory_mb:,.0f} MB in use"]
    return ", ".join(parts)


def _sharing(devices: Sequence[Device]) -> list[str]:
    cores = [core for device in devices for core in device.cores]
    if len({*cores}) == len(cores):
        return []
    return [f"{counted(len(devices), 'device')} share {counted(len({*cores}), 'core')}, so they slow each other down"]


if __name__ == "__main__":
    serve(main)
