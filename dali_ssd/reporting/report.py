"""The reports of a training run: log lines in the style of GluonCV's script, metrics.jsonl, and the curve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from dali_ssd.loader.placement import Placement
from dali_ssd.metrics.detections import Detections
from dali_ssd.reporting.curve import plot_history
from dali_ssd.reporting.history import History
from dali_ssd.reporting.log import EVENT, TrainLog
from dali_ssd.reporting.meter import ADVICE, LossMeter, TimeShare
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.views.view import Status, Views

__all__ = ["Report", "Scored", "curve_path"]


class Scored(Protocol):
    """The result of a scoring function."""

    @property
    def mean_ap(self) -> float:
        """The number by which the best parameters are chosen; NaN if nothing could be scored."""

    @property
    def found(self) -> Sequence[Detections]:
        """The detections in all images, in the order of their records; nothing if there are none to draw."""

    def lines(self) -> list[str]:
        """Return lines for the log, such as `mAP=0.5`."""

    def numbers(self) -> dict[str, Any]:
        """Return the numbers for metrics.jsonl, `map` among them, and as `ap` those of each class by its name."""


class Report:
    """Writes log and history, and tells the views; `silent` in processes with a rank other than 0."""

    def __init__(self, log: TrainLog, prefix: str | None, *, silent: bool = False, views: Views | None = None) -> None:
        self._log = log
        self._prefix = prefix
        self._silent = silent
        self._views = views or Views()
        self._status = Status("ended")

    @contextmanager
    def shown(self, at: TrainProgress, history: History) -> Iterator[None]:
        """Show the run to people while it trains, from `at` on, and how it ends: by an error, or as was reported."""
        self._views.begin(history.entries, at)
        try:
            yield
        except Exception as error:
            texts = [str(error) or repr(error), *([self._status.text] if self._status.text else [])]
            self._views.end(history.entries, Status("failed", "\n\n".join(texts)))
            raise
        self._views.end(history.entries, self._status)

    def say(self, line: str, *values: Any) -> None:
        """Log a line, with `values` for its `%` fields."""
        if not self._silent:
            self._log.logger.info(line, *values)

    def tell(self, line: str, *values: Any) -> None:
        """Log a line that is an event of the run: a resume, a stop, a failure."""
        if not self._silent:
            self._log.logger.info(line, *values, extra=EVENT)

    def placement(self, placement: Placement, history: History) -> None:
        """Report what of the loader's work runs where."""
        self.say("Loading: %s", placement)
        history.add("placement", **placement.parts())

    def step(self, at: TrainProgress, lr: float, meter: LossMeter, share: TimeShare, history: History) -> None:
        """Report the speed since the last report and the epoch's mean losses."""
        line = "[Epoch %d][Batch %d], Speed: %.3f samples/sec, CrossEntropy=%.3f, SmoothL1=%.3f"
        self.say(line, at.epoch, at.batch - 1, share.speed, *meter.means())
        history.add("step", **_numbers(at, lr, meter, share), batch=at.batch)
        self._views.step(history.entries[-1])

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
        self._views.epoch(history.entries, scores.found if scores else ())

    def failed(self, process: int, message: str) -> None:
        """Report that a process has failed."""
        self.tell("Process %d failed: %s", process, message)

    def ended(self, at: TrainProgress, checkpoint: Path | None, why_not: str) -> None:
        """Report what an error that ended the run has left."""
        if checkpoint is not None:
            left = f"saved {checkpoint}; go on with --resume {checkpoint}"
        else:
            left = f"nothing was saved{f' ({why_not})' if why_not else ''}; go on from the last checkpoint"
        self._close("failed", f"Stopped after step {at.step}; {left}")

    def stopped(self, signal_name: str | None, at: TrainProgress, checkpoint: Path | None) -> None:
        """Report that a signal ended the run."""
        saved = f"saved {checkpoint}; go on with --resume {checkpoint}" if checkpoint else "nothing was saved"
        by = signal_name or "A signal in another process"
        self._close("stopped", f"{by}: stopped after step {at.step}; {saved}")

    def _close(self, kind: Literal["stopped", "failed"], text: str) -> None:
        self.tell("%s", text)
        self._status = Status(kind, text)


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
