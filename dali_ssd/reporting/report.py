"""The reports of a training run: log lines in the style of GluonCV's script, metrics.jsonl, and the curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from dali_ssd.loader.placement import Placement
from dali_ssd.reporting.curve import plot_history
from dali_ssd.reporting.history import History
from dali_ssd.reporting.log import TrainLog
from dali_ssd.reporting.meter import LossMeter, TimeShare
from dali_ssd.reporting.progress import TrainProgress

__all__ = ["ADVICE", "Report", "Scored", "curve_path"]

ADVICE = (
    "give the loader more threads (-j), or put smaller images into the shards; "
    "`dali-ssd bench` shows what the loader reaches alone"
)
"""Advice for when the data is the bottleneck."""


class Scored(Protocol):
    """The result of a scoring function."""

    @property
    def mean_ap(self) -> float:
        """The number by which the best parameters are chosen; NaN if nothing could be scored."""

    def lines(self) -> list[str]:
        """Return lines for the log, such as `mAP=0.5`."""

    def numbers(self) -> dict[str, float]:
        """Return the numbers for metrics.jsonl, `map` among them."""


class Report:
    """Writes log and history; `silent` in processes with a rank other than 0."""

    def __init__(self, log: TrainLog, prefix: str | None, *, silent: bool = False) -> None:
        self._log = log
        self._prefix = prefix
        self._silent = silent

    def say(self, line: str, *values: Any) -> None:
        """Log a line, with `values` for its `%` fields."""
        if not self._silent:
            self._log.logger.info(line, *values)

    def placement(self, placement: Placement, history: History) -> None:
        """Report what of the loader's work runs where."""
        self.say("Loading: %s", placement)
        history.add("placement", **placement.parts())

    def step(self, at: TrainProgress, lr: float, meter: LossMeter, share: TimeShare, history: History) -> None:
        """Report the speed since the last report and the epoch's mean losses."""
        line = "[Epoch %d][Batch %d], Speed: %.3f samples/sec, CrossEntropy=%.3f, SmoothL1=%.3f"
        self.say(line, at.epoch, at.batch - 1, share.speed, *meter.means())
        history.add("step", **_numbers(at, lr, meter, share), batch=at.batch)

    def epoch_cost(self, at: TrainProgress, seconds: float, meter: LossMeter, share: TimeShare) -> None:
        """Report the losses of an epoch, and whether the data was the bottleneck."""
        line = "[Epoch %d] Training cost: %.3f, CrossEntropy=%.3f, SmoothL1=%.3f"
        self.say(line, at.epoch, seconds, *meter.means())
        if share.starved:
            waited = "[Epoch %d] The data is the bottleneck: %.0f%% of the time was spent waiting for batches; %s"
            self.say(waited, at.epoch, 100 * share.data_share, ADVICE)

    def scores(self, at: TrainProgress, scores: Scored) -> None:
        """Report a validation."""
        self.say("[Epoch %d] Validation: \n%s", at.epoch, "\n".join(scores.lines()))

    def epoch(
        self,
        at: TrainProgress,
        lr: float,
        seconds: float,
        meter: LossMeter,
        share: TimeShare,
        scores: Scored | None,
        history: History,
    ) -> None:
        """Add a finished epoch to the history, and redraw the curve."""
        scored = scores.numbers() if scores else {}
        history.add("epoch", **_numbers(at, lr, meter, share), seconds=seconds, **scored)
        if self._prefix:
            plot_history(history.entries, curve_path(self._prefix), Path(self._prefix).name)

    def failed(self, process: int, message: str) -> None:
        """Report that a process has failed."""
        self.say("Process %d failed: %s", process, message)

    def ended(self, at: TrainProgress, checkpoint: Path | None, why_not: str) -> None:
        """Report what an error that ended the run has left."""
        if checkpoint is not None:
            self.say("Stopped after step %d; saved %s; go on with --resume %s", at.step, checkpoint, checkpoint)
        else:
            why = f" ({why_not})" if why_not else ""
            self.say("Stopped after step %d; nothing was saved%s; go on from the last checkpoint", at.step, why)

    def stopped(self, signal_name: str | None, at: TrainProgress, checkpoint: Path | None) -> None:
        """Report that a signal ended the run."""
        saved = f"saved {checkpoint}; go on with --resume {checkpoint}" if checkpoint else "nothing was saved"
        self.say("%s: stopped after step %d; %s", signal_name or "A signal in another process", at.step, saved)


def curve_path(prefix: str) -> Path:
    """Return the file of the training curve."""
    return Path(f"{prefix}_curve.png")


def _numbers(at: TrainProgress, lr: float, meter: LossMeter, share: TimeShare) -> dict[str, float]:
    cross_entropy, smooth_l1 = meter.means()
    return {
        "epoch": at.epoch,
        "step": at.step,
        "lr": lr,
        "cross_entropy": cross_entropy,
        "smooth_l1": smooth_l1,
        "speed": share.speed,
        "data_share": share.data_share,
    }
