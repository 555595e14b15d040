"""The trainer: epochs of steps over any iterable of batches, with scoring and saving in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mxnet as mx

from dali_ssd.errors import TrainingError
from dali_ssd.gluon.checkpoint.file import set_aside_after
from dali_ssd.gluon.checkpoint.parameters import periodic_path, save_best, save_parameters
from dali_ssd.gluon.checkpoint.resume import TrainState
from dali_ssd.gluon.networks.zoo import for_training
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.reporting.history import History
from dali_ssd.gluon.reporting.log import TrainLog
from dali_ssd.gluon.reporting.meter import LossMeter, StepClock, TimeShare
from dali_ssd.gluon.reporting.progress import TrainProgress
from dali_ssd.gluon.reporting.report import Report, Scored
from dali_ssd.gluon.training.distributed import OneWorker, Workers
from dali_ssd.gluon.training.heartbeat import Heartbeat
from dali_ssd.gluon.training.loss_monitor import LossMonitor
from dali_ssd.gluon.training.schedule import decays_due, parse_decay_epochs
from dali_ssd.gluon.training.signals import StopRequested, StopSignal
from dali_ssd.gluon.training.step import TrainStep

__all__ = ["FitResult", "Trainer"]


@dataclass(frozen=True)
class FitResult:
    """How a training run ended."""

    epochs: int
    """Number of complete epochs."""
    steps: int
    best_map: float
    time: TimeShare
    """Of this process's training steps, without scoring and saving."""
    exit_code: int
    """0, or 128 + the number of the signal that ended the run."""
    checkpoint: Path | None
    """The newest checkpoint that this process wrote."""


class Trainer:
    """Trains a network with initialized parameters, on the devices of these parameters.

    `batches` is iterated once per epoch (`TrainStep` says what a batch is). Without `prefix`, nothing is written.
    `score` returns the validation scores of a network. A checkpoint can be resumed only if it has the same `identity`.
    """

    def __init__(
        self,
        net: Any,
        batches: Any,
        config: TrainConfig,
        *,
        prefix: str | None = None,
        score: Callable[[Any], Scored] | None = None,
        identity: Mapping[str, Any] | None = None,
        workers: Workers | None = None,
        stop: StopSignal | None = None,
        log: TrainLog | None = None,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self.config = config
        self._workers: Workers = workers or OneWorker()
        self._prefix = prefix if self._workers.rank == 0 else None
        self._score = score
        self._stop = stop or StopSignal()
        self._log = log or TrainLog(quiet=True)
        self._heartbeat = heartbeat or Heartbeat()
        self._report = Report(self._log, self._prefix, silent=self._workers.rank > 0)
        self._clock = StepClock(settle=mx.nd.waitall)
        self._decay_epochs = parse_decay_epochs(config.lr_decay_epoch)
        self._checkpoint: Path | None = None
        trainer = self._workers.trainer(net, {"learning_rate": config.lr, "wd": config.wd, "momentum": config.momentum})
        if config.amp:
            from mxnet.contrib import amp

            amp.init_trainer(trainer)
        history = History(Path(f"{prefix}_metrics.jsonl") if self._prefix else None)
        start = TrainProgress(epoch=config.start_epoch)
        self._now = TrainState(
            net, trainer, batches, identity or {}, config.seed, config.lr, start, LossMeter(), history
        )
        self._train_step = TrainStep(net, trainer, amp=config.amp)

    def resume(self, checkpoint: Path) -> None:
        """Resume from a checkpoint. Raises CheckpointError if that is not possible."""
        self._now.load(checkpoint)
        at = self._now.progress
        self._report.say("Going on from %s: [Epoch %d][Batch %d]", checkpoint, at.epoch, at.batch)
        for path in set_aside_after(self._prefix, at.step) if self._prefix else ():
            self._report.say("Set aside, since this training run goes on from before it: %s", path)

    def run(self) -> FitResult:
        """Train until the last epoch or a signal. Raises TrainingError if a loss is not finite."""
        at = self._now.progress
        if not at.step:
            self._now.history.start([])
        self._report.say("Start training from [Epoch %d]", at.epoch)
        placement = getattr(self._now.loader, "placement", None)
        if placement is not None:
            self._report.placement(placement, self._now.history)
        with self._stop:
            stopped = not all(self._epoch() for _ in range(at.epoch, self.config.epochs))
        if stopped:
            name = self._stop.received.name if self._stop.received else None
            self._report.stopped(name, at, self._checkpoint)
        code = self._stop.exit_code if stopped else 0
        return FitResult(at.epoch, at.step, at.best_map, self._clock.read(), code, self._checkpoint)

    def _epoch(self) -> bool:
        """Train and score one epoch, or the rest of it; return False if a signal ends the run."""
        started, before, at = time.perf_counter(), self._clock.read(), self._now.progress
        if not at.trained:
            at.trained = self._train_epoch()
        if at.trained and self._finish_epoch(started, before):
            at.next_epoch()
            self._now.meter = LossMeter()
        self._save_checkpoint()
        # Epochs end at the same step in all processes, so they can agree on stopping here, whatever the step.
        stopping = self._workers.any(self._stop.received is not None, 0)
        return not stopping or at.epoch >= self.config.epochs

    def _train_epoch(self) -> bool:
        """Train on the rest of the epoch's batches; return False if a signal comes before the end."""
        at, loader = self._now.progress, self._now.loader
        self._decay()
        for_training(self._now.net)
        monitor = LossMonitor(self._now.meter.add, self._now.net.num_classes)
        total = len(loader) if hasattr(loader, "__len__") else None
        self._clock.resume()
        try:
            with self._log.progress(f"epoch {at.epoch}", total) as progress:
                progress.advance(at.batch)
                last = self._clock.read()
                for batch in self._clock.batches(loader):
                    self._make_step(batch, monitor)
                    progress.advance()
                    last = self._log_if_due(monitor, last)
                    if self._workers.any(self._stop.received is not None, at.step):
                        monitor.flush()
                        return False
                    self._save_if_due(monitor)
                monitor.flush()
                # Scoring must not begin before the last step's running means are written; see `checkpoint.state`.
                mx.nd.waitall()
        finally:
            self._clock.pause()
        if not at.batch:
            raise TrainingError(f"no batch in epoch {at.epoch}: are there fewer records than --batch-size?")
        return True

    def _make_step(self, batch: Any, monitor: LossMonitor) -> None:
        at = self._now.progress
        losses = self._train_step(batch)
        self._heartbeat.beat()
        at.batch += 1
        at.step += 1
        monitor.push(at.step, self._lr, losses, batch)
        self._clock.count(sum(data.shape[0] for data in batch.data) * self._workers.size)

    @property
    def _lr(self) -> float:
        return float(self._now.trainer.learning_rate)

    def _decay(self) -> None:
        at = self._now.progress
        due = decays_due(self._decay_epochs, at.epoch, at.decayed_at)
        at.decayed_at = at.epoch
        if due:
            self._now.trainer.set_learning_rate(self._lr * self.config.lr_decay**due)
            self._report.say("[Epoch %d] Set learning rate to %s", at.epoch, self._lr)

    def _log_if_due(self, monitor: LossMonitor, last: TimeShare) -> TimeShare:
        at, interval = self._now.progress, self.config.log_interval
        if not interval or at.batch % interval:
            return last
        monitor.flush()
        now = self._clock.read()
        self._report.step(at, self._lr, self._now.meter, now - last, self._now.history)
        return now

    def _save_if_due(self, monitor: LossMonitor) -> None:
        every = self.config.checkpoint_every
        if every and self._now.progress.step % every == 0:
            monitor.flush()
            self._save_checkpoint()

    def _finish_epoch(self, started: float, before: TimeShare) -> bool:
        """Score and save a trained epoch, on rank 0 only; return False if a signal interrupts that."""
        if self._workers.rank:
            return True
        now, seconds, share = self._now, time.perf_counter() - started, self._clock.read() - before
        self._report.epoch_cost(now.progress, seconds, now.meter, share)
        try:
            scores = self._validate()
        except StopRequested:
            return False
        self._save_parameters(scores)
        self._report.epoch(now.progress, self._lr, seconds, now.meter, share, scores, now.history)
        return True

    def _validate(self) -> Scored | None:
        at = self._now.progress
        if self._score is None or not (self._is_epoch_of(self.config.val_interval) or self._is_save_epoch()):
            return None
        scores = self._score(self._now.net)
        self._report.scores(at, scores)
        return scores

    def _is_epoch_of(self, interval: int) -> bool:
        """Return whether something that is done every `interval` epochs, and after the last one, is due."""
        epoch = self._now.progress.epoch
        return epoch % interval == 0 or epoch + 1 == self.config.epochs

    def _is_save_epoch(self) -> bool:
        return self.config.save_interval > 0 and self._is_epoch_of(self.config.save_interval)

    def _save_parameters(self, scores: Scored | None) -> None:
        at, mean_ap = self._now.progress, scores.mean_ap if scores else 0.0
        better = mean_ap > at.best_map
        at.best_map = mean_ap if better else at.best_map
        if self._prefix and better:
            save_best(self._now.net, self._prefix, at.epoch, mean_ap)
        if self._prefix and self._is_save_epoch():
            save_parameters(self._now.net, periodic_path(self._prefix, at.epoch, mean_ap))

    def _save_checkpoint(self) -> None:
        if self._prefix:
            self._checkpoint = self._now.save(self._prefix, self.config.checkpoint_keep)
