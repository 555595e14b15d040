"""A record of an experiment and a shard, which several tests of the benchmark need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from dali_ssd.bench.datasets import Description
from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.bench.results.record import BenchResult
from dali_ssd.machine.describe import Machine
from tests.support.benchmark import shard

__all__ = ["make_record", "shard"]


@pytest.fixture
def make_record() -> Callable[..., BenchResult]:
    """Makes a record of two rounds in which dali_ssd is ten times as fast as gluoncv, and of `more` runs."""

    def make(more: Sequence[Run] = (), task: str = "load", threads: Sequence[int] = (2,)) -> BenchResult:
        runs = [
            Run(Trial(name, count, 32), number, Outcome(speed * number * count, 2.0, 1.5, 300.0, 1.0, 320, 0.3))
            for number in (1, 2)
            for count in threads
            for name, speed in (("dali_ssd", 500.0), ("gluoncv", 50.0))
        ]
        return BenchResult(
            command=["dali-ssd", "bench", "a.rec"],
            date="2024-01-01T00:00:00+00:00",
            task=task,
            data_shape=300,
            device="cpu",
            versions={"dali_ssd": "0.1.0", "dali": "2.4.0 (nvidia-dali-cuda130)"},
            machine=Machine("A CPU", 2, 24.0, 0.5, "Linux"),
            data=Description(["a.rec"], 100, 500.0, 375.0, 2.5, 60.0),
            runs=[*runs, *more],
        )

    return make
