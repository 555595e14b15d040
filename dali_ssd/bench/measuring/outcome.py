"""The outcome of one run of a contender, on one device or on several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

from dali_ssd.machine.gpu import GpuReading

__all__ = ["NO_READING", "Outcome", "of_one", "of_several"]

NO_READING = "no reading by nvidia-smi in the window"
"""The note of a GPU that the tool did not tell of."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run of a contender: either numbers or an error."""

    images_per_second: float = 0.0
    """Of all devices."""
    cpu_ms_per_image: float = 0.0
    """CPU milliseconds of the process and its workers per image."""
    cores: float = 0.0
    """Cores kept busy: CPU seconds over seconds."""
    peak_memory_mb: float = 0.0
    """Most resident memory of the process and its workers, in 10^6 bytes."""
    startup_s: float = 0.0
    """Seconds from the start of the process to its first batch."""
    images: int = 0
    """Images in the window."""
    seconds: float = 0.0
    """Length of the window."""
    gpu_utilization: float | None = None
    """Mean percent in the window."""
    gpu_memory_mb: float | None = None
    """Most on one GPU."""
    gpu_decoder: float | None = None
    """Mean percent of the video decoder in the window, if the driver tells."""
    gpu_jpeg: float | None = None
    """Likewise of the hardware decoder of JPEGs."""
    placement: str = ""
    """What runs where, as the contender says it; device by device if they differ."""
    notes: list[str] = field(default_factory=list)
    """What else is to be known of the measurement, such as readings that are missing."""
    error: str = ""
    """Why there are no numbers, in one line; empty if there are."""
    devices: list[Outcome] = field(default_factory=list)
    """Of each device, if there are several; the fields above are then sums of speed, cores, memory and images, means
    of the GPUs' percents, the longest start and the longest window."""

    @classmethod
    def restored(cls, fields: dict[str, Any]) -> Outcome:
        """Return an outcome from its fields, those of its devices among them, as a record has them."""
        return cls(**{**fields, "devices": [cls.restored(one) for one in fields.get("devices", [])]})


def of_one(measured: dict[str, Any], peak_bytes: int, started: float, readings: Sequence[GpuReading]) -> Outcome:
    """Return the outcome of one process from what it measured, and what was sampled meanwhile."""
    images, seconds, cpu = measured["images"], measured["seconds"], measured["cpu_seconds"]
    return Outcome(
        images_per_second=images / seconds,
        cpu_ms_per_image=1000 * cpu / images,
        cores=cpu / seconds,
        peak_memory_mb=peak_bytes / 1e6,
        startup_s=measured["first_batch"] - started,
        images=images,
        seconds=seconds,
        gpu_utilization=_known(mean, (reading.utilization for reading in readings)),
        gpu_memory_mb=_known(max, (reading.memory_mb for reading in readings)),
        gpu_decoder=_known(mean, (reading.decoder for reading in readings)),
        gpu_jpeg=_known(mean, (reading.jpeg for reading in readings)),
        placement=measured["placement"],
    )


def of_several(by_device: Mapping[str, Outcome]) -> Outcome:
    """Return the outcome of devices that were measured at once, by their names; of one alone, its own."""
    parts = list(by_device.values())
    if len(parts) == 1:
        return parts[0]
    images = sum(part.images for part in parts)
    return Outcome(
        images_per_second=sum(part.images_per_second for part in parts),
        cpu_ms_per_image=sum(part.cpu_ms_per_image * part.images for part in parts) / images,
        cores=sum(part.cores for part in parts),
        peak_memory_mb=sum(part.peak_memory_mb for part in parts),
        startup_s=max(part.startup_s for part in parts),
        images=images,
        seconds=max(part.seconds for part in parts),
        gpu_utilization=_known(mean, (part.gpu_utilization for part in parts)),
        gpu_memory_mb=_known(max, (part.gpu_memory_mb for part in parts)),
        gpu_decoder=_known(mean, (part.gpu_decoder for part in parts)),
        gpu_jpeg=_known(mean, (part.gpu_jpeg for part in parts)),
        placement=_placement(by_device),
        notes=[f"{name}: {note}" for name, part in by_device.items() for note in part.notes],
        devices=parts,
    )


def _placement(by_device: Mapping[str, Outcome]) -> str:
    texts = {part.placement for part in by_device.values()}
    if len(texts) == 1:
        return texts.pop()
    return "; ".join(f"on {name}: {part.placement or 'unknown'}" for name, part in by_device.items())


def _known(combine: Callable[[list[float]], float], values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return combine(known) if known else None
