"""Time an endless stream of batches: first batch, warm-up, then a window that ends with a batch.

Processes that are measured at once go on with untimed batches, before the window until all are warm and after it until
all windows are full, so that each window has all the others beside it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dali_ssd.bench.measuring.resources import cpu_seconds
from dali_ssd.bench.work import WorkBatch

__all__ = ["Measured", "Window", "measure"]


@dataclass(frozen=True)
class Window:
    """How long a contender is measured."""

    warmup: int = 8
    """Fewest batches before the window: enough to use up what was prepared ahead."""
    warmup_seconds: float = 5.0
    """Fewest seconds before the window: with photos of 1280 px, DALI's buffers grow for the first 4 s."""
    seconds: float = 8.0
    """Shortest window in seconds."""
    min_batches: int = 16
    """Fewest batches in the window; workers deliver in bursts, which a short window would count wrongly."""
    max_batches: int = 100_000
    """Most batches in the window, and in the warm-up: for a contender that takes no time at all."""


@dataclass(frozen=True)
class Measured:
    """The measurement of a contender in its window."""

    images: int
    seconds: float
    cpu_seconds: float
    """CPU seconds of the process and its workers."""
    first_batch: float
    """Time of the first batch on the machine's monotonic clock, in seconds."""
    began: float
    """Start of the window on the same clock."""
    ended: float
    placement: str = ""
    """What runs where, as the contender says it."""


def measure(
    batches: Iterator[WorkBatch],
    window: Window,
    reached: Callable[[str], bool] = lambda _: True,
    clock: Callable[[], float] = time.monotonic,
    cpu_clock: Callable[[], float] = lambda: cpu_seconds(os.getpid()),
) -> Measured:
    """Draw from `batches` until the window is full, waiting for each batch to be complete.

    `reached(point)` says that this process is warm, or done, and returns whether all that are measured with it are.
    """
    first = next(batches)
    first.wait()
    first_batch = clock()
    count = 1
    while count < window.warmup or (count < window.max_batches and clock() - first_batch < window.warmup_seconds):
        next(batches).wait()
        count += 1
    while not reached("warm"):
        next(batches).wait()
    cpu, began = cpu_clock(), clock()
    images = count = 0
    ended = began
    while count < window.max_batches and (count < window.min_batches or ended - began < window.seconds):
        batch = next(batches)
        batch.wait()
        images, count, ended = images + batch.size, count + 1, clock()
    measured = Measured(images, ended - began, cpu_clock() - cpu, first_batch, began, ended, first.placement)
    while not reached("done"):
        next(batches).wait()
    return measured
