"""Sample a process from outside: the memory of its tree, and the GPU if there is one."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from dali_ssd.bench.measuring.gpu import GpuReading, read_gpu
from dali_ssd.bench.measuring.resources import resident_bytes

__all__ = ["Sampler"]


class Sampler:
    """Context manager that samples the memory of a process tree every `interval` seconds, and the GPU every second.

    Adding up the pages of a process takes the kernel some 20 ms per gigabyte, during which the process gets no new
    ones: with one sample per second that is 1% of two cores, and more for contenders that use more memory.
    """

    def __init__(self, pid: int, interval: float = 4.0) -> None:
        self._pid = pid
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="bench-sampler", daemon=True)
        self.peak_bytes = 0
        """Most resident memory of the tree in any sample."""
        self._gpu: list[tuple[float, GpuReading]] = []

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def gpu_between(self, began: float, ended: float) -> list[GpuReading]:
        """Return the readings of the GPU between two times of the monotonic clock."""
        return [reading for at, reading in self._gpu if began <= at <= ended]

    def _watch(self) -> None:
        has_gpu = True
        # The first samples come sooner, so that a process that ends within the first interval has one.
        wait, due = self._interval / 64, 0.0
        while not self._stop.wait(min(wait, 1.0)):
            if time.monotonic() >= due:
                self.peak_bytes = max(self.peak_bytes, resident_bytes(self._pid))
                wait = min(2 * wait, self._interval)
                due = time.monotonic() + wait
            reading = read_gpu() if has_gpu else None
            has_gpu = reading is not None
            if reading is not None:
                self._gpu.append((time.monotonic(), reading))
