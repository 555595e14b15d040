"""The trainer: epochs of steps over any iterable of batches, with scoring and saving in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mxnet as mx

from dali_ssd.errors import TrainingError
from dali_ssd.gluon.checkpoint.file import read_content, set_aside_after
from dali_ssd.gluon.checkpoint.resume import TrainState
from dali_ssd.gluon.distributed.meetings import Meetings
from dali_ssd.gluon.distributed.messages import gather
from dali_ssd.gluon.distributed.sharing import share_running_means
from dali_ssd.gluon.distributed.workers import OneWorker, Workers
from dali_ssd.gluon.networks.zoo import for_training
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training.epoch_end import EpochEnd
from dali_ssd.gluon.training.failure import end_together, lost
from dali_ssd.gluon.training.heartbeat import Heartbeat
from dali_ssd.gluon.training.loss_monitor import LossMonitor
from dali_ssd.gluon.training.schedule import decays_due, parse_decay_epochs, warm_up
from dali_ssd.gluon.training.step import TrainStep, count_positives
from dali_ssd.launch.signals import StopRequested, StopSignal
from dali_ssd.reporting.history import History
from dali_ssd.reporting.log import TrainLog
from dali_ssd.reporting.meter import LossMeter, StepClock, TimeShare
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.report import Report, Scored
from dali_ssd.reporting.views.view import Views

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
    `score` returns the validation scores of a network; of several processes it is called in each, and returns them in
    rank 0. A checkpoint can be resumed only if it has the same `identity`. If `batches` have a `state_dict`, it is
    asked for before each batch, so it should be cheap.
    """

    def __init__(
        self,
        net: Any,
        batches: Any,
        config: TrainConfig,
        *,
        prefix: str | None = None,
        score: Callable[[Any], Scored | None] | None = None,
        identity: Mapping[str, Any] | None = None,
        workers: Workers | None = None,
        stop: StopSignal | None = None,
        log: TrainLog | None = None,
        heartbeat: Heartbeat | None = None,
        views: Views | None = None,
    ) -> None:
        self.config = config
        self._workers: Workers = workers or OneWorker()
        self._meetings = Meetings(self._workers)
        self._saves = prefix is not None
        self._prefix = prefix if self._workers.rank == 0 else None
        self._epoch_end = EpochEnd(config, score, self._prefix)
        self._stop = stop or StopSignal()
        self._log = log or TrainLog(quiet=True)
        self._heartbeat = heartbeat or Heartbeat()
        self._report = Report(self._log, self._prefix, silent=self._workers.rank > 0, views=views)
        self._clock = StepClock(settle=mx.nd.waitall)
        self._decay_epochs = parse_decay_epochs(config.lr_decay_epoch)
        self._checkpoint: Path | None = None
        rate = config.scaled_lr
        trainer = self._workers.trainer(net, {"learning_rate": rate, "wd": config.wd, "momentum": config.momentum})
        if config.amp:
            from mxnet.contrib import amp

            amp.init_trainer(trainer)
        self._now = TrainState(
            net,
            trainer,
            batches,
            identity or {},
            config.seed,
            rate,
            TrainProgress(epoch=config.start_epoch),
            LossMeter(),
            History(Path(f"{prefix}_metrics.jsonl") if self._prefix else None),
            rank=self._workers.rank,
            size=self._workers.size,
        )
        self._train_step = TrainStep(net, trainer, amp=config.amp)
        self._monitor = LossMonitor(self._now.meter.add, net.num_classes)
        self._before_batch: Any = None
        """State of the loader before the batch whose step is not made yet; None if there is no such batch."""
        self._stopping = False
        """Whether all processes have agreed to stop after this step."""
        self._begun_at = 0
        """Step at which this process began."""
        self._updating = False
        """Whether the other processes wait for this one's gradients."""

    def resume(self, checkpoint: Path) -> None:
        """Resume from a checkpoint that rank 0 can read. Raises CheckpointError if that is not possible."""
        workers = self._workers
        content = self._meetings.jointly(lambda: read_content(checkpoint) if workers.rank == 0 else b"")
        content = gather(workers, content)[0]
        exactly = self._meetings.jointly(lambda: self._now.load(checkpoint, content))
        at = self._now.progress
        self._begun_at = at.step
        self._report.tell("Going on from %s: [Epoch %d][Batch %d]", checkpoint, at.epoch, at.batch)
        if not exactly:
            self._report.tell(
                "It was taken with another number of processes or devices: epoch %d begins with its first batch, with "
                "the order of records and the random changes of a new run",
                at.epoch + at.trained,
            )
        for path in self._meetings.jointly(lambda: set_aside_after(self._prefix, at.step) if self._prefix else []):
            self._report.tell("Set aside, since this training run goes on from before it: %s", path)

    def run(self) -> FitResult:
        """Train until the last epoch or a signal.

        After an error, all processes save where they are, if their weights are good, and raise: the one that failed its
        error, the others PeerError. Raises TrainingError if a loss is not finite.
        """
        at = self._now.progress
        with self._stop, self._report.shown(at, self._now.history):
            try:
                stopped = self._run()
            except Exception as error:
                told = self._end(error)
                if told is error:
                    raise  # with the cause that it has
                raise told from error
            if stopped:
                name = self._stop.received.name if self._stop.received else None
                self._report.stopped(name, at, self._checkpoint)
        code = self._stop.exit_code if stopped else 0
        return FitResult(at.epoch, at.step, at.best_map, self._clock.read(), code, self._checkpoint)

    def _run(self) -> bool:
        """Train; return whether a signal ended it."""
        at = self._now.progress
        if not at.step:
            self._now.history.start([])
        self._report.say("Start training from [Epoch %d]", at.epoch)
        placement = getattr(self._now.loader, "placement", None)
        if placement is not None:
            self._report.placement(placement, self._now.history)
        return not all(self._epoch() for _ in range(at.epoch, self.config.epochs))

    def _epoch(self) -> bool:
        """Train and score one epoch, or the rest of it; return False if a signal ends the run."""
        started, before, at = time.perf_counter(), self._clock.read(), self._now.progress
        if not at.trained:
            at.trained = self._train_epoch()
        if at.trained and self._finish_epoch(started, before):
            at.next_epoch()
            self._now.meter = LossMeter()
        self._save_checkpoint()
        stopping = self._stop.hear(self._meetings.meet("epoch", stop=self._stop.received).stop)
        return not stopping or at.epoch >= self.config.epochs

    def _train_epoch(self) -> bool:
        """Train on the rest of the epoch's batches; return False if a signal comes before the end."""
        at, loader = self._now.progress, self._now.loader
        self._decay()
        for_training(self._now.net)
        monitor = self._monitor = LossMonitor(self._now.meter.add, self._now.net.num_classes)
        total = len(loader) if hasattr(loader, "__len__") else None
        self._clock.resume()
        try:
            with self._log.progress(f"epoch {at.epoch}", total) as progress:
                progress.advance(at.batch)
                last = self._clock.read()
                for batch in self._clock.batches(self._fetch()):
                    stopping = self._make_step(batch, monitor)
                    progress.advance()
                    last = self._log_if_due(monitor, last)
                    if stopping:
                        monitor.flush()
                        return False
                    self._save_if_due(monitor)
                monitor.flush()
                if 0 < at.batch < self.config.log_interval:  # otherwise nothing is heard of short epochs
                    self._log_step(last)
                # Scoring must not begin before the last step's running means are written; see `checkpoint.state`.
                mx.nd.waitall()
        finally:
            self._clock.pause()
        if not at.batch:
            raise TrainingError(f"no batch in epoch {at.epoch}: are there fewer records than --batch-size?")
        return True

    def _fetch(self) -> Iterator[Any]:
        """Yield the batches of the epoch, and remember where the loader was before each."""
        loader = self._now.loader
        batches = iter(loader)
        while True:
            self._before_batch = loader.state_dict() if hasattr(loader, "state_dict") else None
            try:
                batch = next(batches)
            except StopIteration:
                self._before_batch = None
                return
            yield batch

    def _make_step(self, batch: Any, monitor: LossMonitor) -> bool:
        """Train on a batch; return whether a process has received a signal."""
        at = self._now.progress
        self._warm_up()
        positives = count_positives(batch) if self._workers.size > 1 else None
        computed = self._train_step.forward(batch)
        share = 1.0 if positives is None else self._share_of_loss(float(positives.asscalar()))
        self._updating = True
        losses = self._train_step.update(computed, share)
        self._updating, self._before_batch = False, None
        self._heartbeat.beat()
        at.batch += 1
        at.step += 1
        self._clock.count(sum(data.shape[0] for data in batch.data) * self._workers.size)
        monitor.push(at.step, self._lr, losses, batch)
        return self._stopping or (self._workers.size == 1 and self._stop.received is not None)

    def _share_of_loss(self, positives: float) -> float:
        """Return this process's share of the positive anchors; all meet, while their devices compute the losses."""
        stop, [total] = self._meetings.meet("step", stop=self._stop.received, values=[positives])
        self._stopping = self._stop.hear(stop)
        return positives / max(total, 1.0)

    @property
    def _lr(self) -> float:
        return float(self._now.trainer.learning_rate)

    def _warm_up(self) -> None:
        now = self._now
        now.trainer.set_learning_rate(now.rate * warm_up(now.progress.step, self.config.lr_warmup))

    def _decay(self) -> None:
        at = self._now.progress
        due = decays_due(self._decay_epochs, at.epoch, at.decayed_at)
        at.decayed_at = at.epoch
        if due:
            self._now.rate *= self.config.lr_decay**due
            self._report.say("[Epoch %d] Set learning rate to %g", at.epoch, self._now.rate)

    def _log_if_due(self, monitor: LossMonitor, last: TimeShare) -> TimeShare:
        at, interval = self._now.progress, self.config.log_interval
        if not interval or at.batch % interval:
            return last
        monitor.flush()
        return self._log_step(last)

    def _log_step(self, last: TimeShare) -> TimeShare:
        """Report the steps since `last`, whose losses are all read; return the time until now."""
        now = self._clock.read()
        self._report.step(self._now.progress, self._lr, self._all_losses(), now - last, self._now.history)
        return now

    def _all_losses(self) -> LossMeter:
        """Return the epoch's losses over all processes."""
        meter = self._now.meter
        _, (cross_entropy, smooth_l1) = self._meetings.meet("log", values=(meter.cross_entropy, meter.smooth_l1))
        return LossMeter(cross_entropy, smooth_l1, meter.steps)

    def _save_if_due(self, monitor: LossMonitor) -> None:
        every = self.config.checkpoint_every
        if every and self._now.progress.step % every == 0:
            monitor.flush()
            self._save_checkpoint()

    def _finish_epoch(self, started: float, before: TimeShare) -> bool:
        """Score and save a trained epoch; return False if a signal interrupts that."""
        now, seconds, share = self._now, time.perf_counter() - started, self._clock.read() - before
        losses = self._all_losses()
        self._report.epoch_cost(now.progress, seconds, losses, share)
        self._meetings.meet("share")
        share_running_means(now.net, self._workers)
        try:
            scores = self._epoch_end.score(now.net, now.progress.epoch)
        except StopRequested:
            return False
        if scores is not None:
            self._report.scores(now.progress, scores)
        if self._workers.rank == 0:
            self._epoch_end.save(now.net, now.progress, scores)
            self._report.epoch(now.progress, self._lr, seconds, losses, share, scores, now.history)
        return True

    def _save_checkpoint(self) -> None:
        if not self._saves:
            return
        part = self._now.part()
        self._meetings.meet("save")
        parts = gather(self._workers, part)
        if self._prefix:
            self._write_checkpoint(parts)

    def _write_checkpoint(self, parts: Sequence[bytes]) -> None:
        self._checkpoint = self._now.save(str(self._prefix), self.config.checkpoint_keep, parts)

    def _end(self, error: Exception) -> Exception:
        """Tell the other processes of an error, or hear of theirs, and save; return what to raise."""
        workers, at = self._workers, self._now.progress
        try:
            if self._updating and workers.size > 1:
                raise error  # the others wait for gradients, and for nothing else
            ending = end_together(error, self._meetings, self._last_part, self._save_new)
        except Exception as why:
            workers.abandon()
            self._report.ended(at, None, "")
            return lost(why, workers.size)
        if workers.size > 1:
            self._report.failed(ending.process, ending.message)
        if self._saves and at.step > self._begun_at:
            self._report.ended(at, self._checkpoint if ending.saved else None, ending.why_not)
        return ending.error

    def _last_part(self) -> bytes:
        """Return this process's part of a checkpoint of the last complete step."""
        self._monitor.flush()
        return self._now.part(self._before_batch)

    def _save_new(self, parts: Sequence[bytes]) -> bool:
        """Write a checkpoint if there is anything new since this process began; return whether there is."""
        if not self._prefix or self._now.progress.step <= self._begun_at:
            return False
        self._write_checkpoint(parts)
        return True
