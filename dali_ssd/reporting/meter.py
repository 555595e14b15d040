"""Mean losses, speed, and where the time goes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import TypeVar

__all__ = ["ADVICE", "STARVED", "LossMeter", "StepClock", "TimeShare"]

T = TypeVar("T")

STARVED = 0.1
"""The data is the bottleneck if more than this share of the time is spent waiting for it."""
ADVICE = (
    "give the loader more threads (-j), or put smaller images into the shards; "
    "`dali-ssd bench` shows what the loader reaches alone"
)
"""What helps then."""


@dataclass
class LossMeter:
    """Means over the steps of an epoch, as `mx.metric.Loss` computes them in GluonCV's loop."""

    cross_entropy: float = 0.0
    """Sum over the steps."""
    smooth_l1: float = 0.0
    """Sum over the steps."""
    steps: int = 0

    def add(self, cross_entropy: float, smooth_l1: float) -> None:
        """Count one step's losses."""
        self.cross_entropy += cross_entropy
        self.smooth_l1 += smooth_l1
        self.steps += 1

    def __add__(self, other: LossMeter) -> LossMeter:
        """Return the losses of both, which are parts of the same steps."""
        return LossMeter(
            self.cross_entropy + other.cross_entropy, self.smooth_l1 + other.smooth_l1, max(self.steps, other.steps)
        )

    def means(self) -> tuple[float, float]:
        """Return cross entropy and smooth L1 per step; NaN before the first step."""
        if not self.steps:
            return float("nan"), float("nan")
        return self.cross_entropy / self.steps, self.smooth_l1 / self.steps


@dataclass(frozen=True)
class TimeShare:
    """Where the time of some steps went, in seconds."""

    total: float = 0.0
    waits: float = 0.0
    """For batches while the network had nothing to compute; some are measured, and stand for those after them."""
    steps: int = 0
    images: int = 0

    @property
    def speed(self) -> float:
        """Images per second."""
        return self.images / self.total if self.total > 0 else 0.0

    @property
    def data(self) -> float:
        """Seconds that the network waited for data; not more than there were, if a long wait stood for shorter ones."""
        return min(self.waits, self.total)

    @property
    def data_share(self) -> float:
        """Share of the time that the network waited for data, 0..1."""
        return self.data / self.total if self.total > 0 else 0.0

    @property
    def starved(self) -> bool:
        """Whether the data is the bottleneck: faster loading would save more than 10% of the time."""
        return self.data_share > STARVED

    def __sub__(self, earlier: TimeShare) -> TimeShare:
        return TimeShare(*(getattr(self, field.name) - getattr(earlier, field.name) for field in fields(self)))


class StepClock:
    """Measures how training steps spend their time; `pause` it around scoring and saving.

    MXNet computes asynchronously: while the loop waits for a batch, the network may still be busy, so no time is lost.
    To measure what is lost, the network has to finish (`settle`) before the wait, which costs some time itself. So only
    the first `SAMPLE` waits of an epoch are measured, which may be all, and then every `SAMPLE`th: it stands for those
    up to the next.
    """

    SAMPLE = 8

    def __init__(self, settle: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> None:
        self._settle = settle
        self._clock = clock
        self._started: float | None = None
        self._share = TimeShare()

    def batches(self, batches: Iterable[T]) -> Iterator[T]:
        """Yield the batches of one epoch and measure the waits for them."""
        iterator, wait = iter(batches), 0.0
        for number in itertools.count():
            measured = number < self.SAMPLE or number % self.SAMPLE == 0
            if measured:
                self._settle()
            before = self._clock()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            if measured:
                wait = self._clock() - before
            self._share = replace(self._share, waits=self._share.waits + wait)
            yield batch

    def count(self, images: int) -> None:
        """Count one step and its images."""
        self._share = replace(self._share, steps=self._share.steps + 1, images=self._share.images + images)

    def resume(self) -> None:
        """Start or restart the clock."""
        self._started = self._clock()

    def pause(self) -> None:
        """Stop the clock."""
        self._share = self.read()
        self._started = None

    def read(self) -> TimeShare:
        """Return the time share so far."""
        running = self._clock() - self._started if self._started is not None else 0.0
        return replace(self._share, total=self._share.total + running)
