"""A record of an experiment and a shard, which several tests of the benchmark need."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from dali_ssd.bench.datasets import Description
from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.measuring.machine import Machine
from dali_ssd.bench.measuring.runner import Outcome
from dali_ssd.bench.results.record import BenchResult
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter


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


@pytest.fixture(scope="session")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four records of 64 x 48 pixels with one object each."""
    with ShardWriter(tmp_path_factory.mktemp("shard"), "tiny") as writer:
        for number in range(4):
            buffer = io.BytesIO()
            Image.new("RGB", (64, 48), (60 * number, 100, 200)).save(buffer, "JPEG")
            writer.write(pack(Header(build_label([[0.1, 0.1, 0.6, 0.8]], [number]), number), buffer.getvalue()))
    return writer.paths[0]
