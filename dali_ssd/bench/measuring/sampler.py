"""Sample processes from outside: the memory of their trees, and the GPUs if they work on some."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType

from dali_ssd.bench.measuring.resources import resident_bytes
from dali_ssd.machine.gpu import GpuReading, read_gpus

__all__ = ["Sampler"]


class Sampler:
    """Context manager that samples the memory of process trees every `interval` seconds, and GPUs every second.

    Adding up the pages of a process takes the kernel some 20 ms per gigabyte, during which the process gets no new
    ones: with one sample per second that is 1% of two cores, and more for contenders that use more memory. The GPUs
    are read by one call of `nvidia-smi`, however many there are.
    """

    def __init__(self, pids: Sequence[int], gpus: bool, interval: float = 4.0) -> None:
        self._pids = pids
        self._has_gpus = gpus
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="bench-sampler", daemon=True)
        self.peak_bytes = [0] * len(pids)
        """Most resident memory of each tree in any sample."""
        self._readings: list[tuple[float, dict[str, GpuReading]]] = []

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def gpu_between(self, uuid: str, began: float, ended: float) -> list[GpuReading]:
        """Return the readings of a GPU between two times of the monotonic clock."""
        return [by_gpu[uuid] for at, by_gpu in self._readings if began <= at <= ended and uuid in by_gpu]

    def _watch(self) -> None:
        # The first samples come sooner, so that a process that ends within the first interval has one.
        wait, due = self._interval / 64, 0.0
        while not self._stop.wait(min(wait, 1.0)):
            if time.monotonic() >= due:
                now = [resident_bytes(pid) for pid in self._pids]
                self.peak_bytes = [max(pair) for pair in zip(self.peak_bytes, now, strict=True)]
                wait = min(2 * wait, self._interval)
                due = time.monotonic() + wait
            if self._has_gpus:
                # A tool that does not answer once, such as in time on a busy host, may do so the next time.
                self._readings.append((time.monotonic(), read_gpus()))
