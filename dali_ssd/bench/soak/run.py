"""Run the soak: load, train, score, and sample memory, open files and delivered records."""

from __future__ import annotations

import itertools
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import mxnet as mx
import numpy as np

from dali_ssd.bench.soak.faults import Planted
from dali_ssd.bench.soak.options import SoakConfig
from dali_ssd.bench.soak.trend import Sample, growth, take_sample
from dali_ssd.config import PipelineConfig, RecordsConfig
from dali_ssd.errors import RecordLocation, TrainingError
from dali_ssd.gluon.distributed.workers import OneWorker
from dali_ssd.gluon.evaluate import evaluate
from dali_ssd.gluon.networks.zoo import anchors_of, build_network, for_training, initialize
from dali_ssd.gluon.training.loss_monitor import LossMonitor
from dali_ssd.gluon.training.step import TrainStep
from dali_ssd.launch.signals import StopRequested, StopSignal
from dali_ssd.loader import TrainLoader, ValLoader
from dali_ssd.loader.batch import Batch
from dali_ssd.synthetic import SHAPES
from dali_ssd.util.progress import Progress
from dali_ssd.util.words import counted

__all__ = ["Soaked", "soak"]

_NETWORK = "mobilenet0.25"
_OPTIMIZER = {"learning_rate": 0.005, "momentum": 0.9, "wd": 5e-4}
_MAX_BAD = 0.5
"""Far more bad records are planted than real data has."""
_PASSES = 3
"""Passes over the records after which each good one must have been delivered."""


def _numbers() -> array[float]:
    # Not a list: its floats are scattered over Python's memory, and one of them keeps a block of 1 MB allocated.
    return array("d")


@dataclass
class Soaked:
    """The results of a soak."""

    config: SoakConfig
    planted: Planted
    records: int = 0
    """Records that the loader kept."""
    batches: int = 0
    steps: int = 0
    scorings: int = 0
    seconds: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    waits: array[float] = field(default_factory=_numbers)
    """Seconds of waiting for each batch."""
    delivered: set[tuple[str, int | None]] = field(default_factory=set)
    """Records that were in a batch."""
    not_finite: int = 0
    """Batches with NaN or infinite numbers."""
    losses: array[float] = field(default_factory=_numbers)
    """Sum of both losses of each training step."""
    mean_ap: float = float("nan")
    """mAP of the last scoring."""
    error: str = ""
    """The signal or error that ended it early; empty if none did."""

    @property
    def settled(self) -> list[Sample]:
        """Samples by which growth is measured."""
        return [sample for sample in self.samples if sample.batch >= self.config.settling]

    @property
    def not_measured(self) -> str:
        """Why growth was not measured; empty if it was."""
        least = 2 * self.config.settling
        if self.batches >= least and len(self.settled) > 1:
            return ""
        return f"growth is not measured in fewer than {counted(least, 'batch')} (twice `--settling`)"

    @property
    def failures(self) -> list[str]:
        """Everything that is not as it should be."""
        config, planted = self.config, self.planted
        late = [] if self.not_measured else self.settled
        memory, files = growth(late, "memory"), growth(late, "files")
        got_in = sorted(name for record, name in planted.bad.items() if record in self.delivered)
        missing = planted.good - self.delivered if self.batches * config.batch_size > _PASSES * self.records else ()
        checks = {
            f"memory grew by {memory:.2f} MB per 1,000 batches, more than {config.max_memory:g}":
                memory > config.max_memory,
            f"open files grew by {files:.2f} per 1,000 batches, more than {config.max_files:g}":
                files > config.max_files,
            f"{counted(len(got_in), 'bad record')} delivered: {', '.join(got_in)}": bool(got_in),
            f"{counted(len(missing), 'good record')} never delivered": bool(missing),
            f"{counted(self.records, 'record')} kept, {len(planted.good)} good": self.records != len(planted.good),
            f"{counted(self.not_finite, 'batch')} with numbers that are not finite": self.not_finite > 0,
            f"it ended early: {self.error}": bool(self.error),
        }  # fmt: skip
        return [text for text, failed in checks.items() if failed]


def soak(config: SoakConfig, planted: Planted, stop: StopSignal) -> Soaked:
    """Run on planted shards until all batches are loaded, a signal comes, or a TrainingError."""
    result = Soaked(config, planted)
    net = build_network(_NETWORK, config.data_shape, SHAPES)
    mx.random.seed(config.seed)
    np.random.seed(config.seed)
    initialize(net, [mx.cpu()], config.data_shape)
    both: dict[str, Any] = {
        "data_shape": config.data_shape,
        "num_classes": len(SHAPES),
        "pipeline": PipelineConfig(config.batch_size, config.num_workers or "auto", seed=config.seed),
        "records": RecordsConfig(on_bad="skip", max_bad=_MAX_BAD),
    }
    with (
        TrainLoader(planted.shards, anchors=anchors_of(net, config.data_shape), **both) as loader,
        ValLoader(planted.shards, **both) as val_loader,
        Progress("soaking", config.batches) as progress,
        stop,
    ):
        result.records = loader.num_records
        started = time.perf_counter()
        try:
            _Soak(result, net, val_loader, stop, progress).run(loader)
        except StopRequested:
            result.error = stop.received.name if stop.received else ""
        except TrainingError as error:
            result.error = str(error)
        result.seconds = time.perf_counter() - started
    return result


class _Soak:
    """The work done on each batch."""

    def __init__(self, result: Soaked, net: Any, val_loader: Any, stop: StopSignal, progress: Progress) -> None:
        self._result, self._net, self._val_loader = result, net, val_loader
        self._stop, self._progress = stop, progress
        self._step = TrainStep(net, OneWorker().trainer(net, _OPTIMIZER))
        self._monitor = LossMonitor(lambda *losses: result.losses.append(sum(losses)), net.num_classes)

    def run(self, loader: TrainLoader) -> None:
        """Run on all batches. Raises StopRequested after a signal, TrainingError if a loss is not finite."""
        for_training(self._net)
        batches = itertools.islice(self._timed(_endless(loader)), self._result.config.batches)
        for batch in self._stop.guard(batches):
            self._result.batches += 1
            self._look_at(batch)
            if _due(self._result.batches, self._result.config.train_every):
                self._train(batch)
            if _due(self._result.batches, self._result.config.score_every):
                self._score()
            if _due(self._result.batches, self._result.config.sample_every):
                self._result.samples.append(take_sample(self._result.batches))
            self._progress.advance()
        self._monitor.flush()

    def _timed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for _ in itertools.count():
            before = time.perf_counter()
            batch = next(batches)
            self._result.waits.append(time.perf_counter() - before)
            yield batch

    def _look_at(self, batch: Batch) -> None:
        self._result.delivered.update(map(_record, batch.records()))
        if not all(np.isfinite(values.asnumpy()).all() for part in batch for values in part):
            self._result.not_finite += 1

    def _train(self, batch: Batch) -> None:
        self._result.steps += 1
        self._monitor.push(
            self._result.steps, _OPTIMIZER["learning_rate"], self._step.update(self._step.forward(batch)), batch
        )

    def _score(self) -> None:
        self._monitor.flush()
        mx.nd.waitall()  # for the running means, see `checkpoint.state`
        scores = evaluate(self._net, self._stop.guard(self._val_loader), SHAPES, self._result.config.data_shape)
        for_training(self._net)
        self._result.scorings += 1
        self._result.mean_ap = scores.mean_ap
        sample = take_sample(self._result.batches)
        files = counted(sample.files, "open file")
        self._progress.log(f"batch {sample.batch}: {sample.memory:.0f} MB, {files}, mAP {scores.mean_ap:.3f}")


def _due(batch: int, every: int) -> bool:
    return every > 0 and batch % every == 0


def _endless(loader: TrainLoader) -> Iterator[Batch]:
    while True:
        yield from loader


def _record(place: RecordLocation) -> tuple[str, int | None]:
    return place.shard.name if place.shard else "", place.key
