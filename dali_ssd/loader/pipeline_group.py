"""The pipelines, one per device, that together prepare every n-th batch of a loader."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from dali_ssd.errors import RecordLocation
from dali_ssd.loader.batch import Batch
from dali_ssd.loader.fork_guard import no_fork

__all__ = ["PipelineGroup"]


class PipelineGroup:
    """Batches from runs of one pipeline per device, several batches per run.

    Args:
        pipelines: built, one per device.
        makers: functions that make the framework's arrays from DALI's tensors, one per device.
        batch_size: images per batch on each device.
        per_run: batches per run.
        passed_over: batches of the first run that were already taken, if these pipelines continue from a state.
    """

    def __init__(
        self,
        pipelines: Sequence[Any],
        makers: Sequence[Callable[[Any], Any]],
        batch_size: int,
        per_run: int,
        passed_over: int = 0,
    ) -> None:
        self._pipelines, self._makers = pipelines, makers
        self._batch_size, self._per_run = batch_size, per_run
        self._taken = per_run  # batches of the current run that were handed out
        self._passed_over = passed_over
        self._began_at: list[str] = []
        self._arrays: list[list[Any]] = []
        self._texts: tuple[Any, ...] = ()

    def next(
        self, run: Callable[[Sequence[Any]], list[Any]], locate: Callable[[Sequence[Any]], list[RecordLocation]]
    ) -> Batch:
        """Return the next batch. `run` returns what pipelines have prepared, `locate` where images come from."""
        if self._taken == self._per_run:
            self._take_run(run)
        size = self._batch_size
        rows, texts = slice(self._taken * size, (self._taken + 1) * size), self._texts
        self._taken += 1
        # Views, no copies; the whole array if a run is one batch, since each view takes MXNet 0.05 ms.
        data, cls_targets, box_targets = (
            [array if self._per_run == 1 else array[rows] for array in part] for part in self._arrays
        )
        return Batch(data, cls_targets, box_targets, lambda: locate([list(tensors)[rows] for tensors in texts]))

    def _take_run(self, run: Callable[[Sequence[Any]], list[Any]]) -> None:
        self._began_at = self._checkpoints() if self._per_run > 1 else []
        self._clear()  # so that its memory is free again while the next run is awaited
        *parts, self._texts = zip(*run(self._pipelines), strict=True)
        self._arrays = [[make(tensors) for make, tensors in zip(self._makers, part, strict=True)] for part in parts]
        self._taken, self._passed_over = self._passed_over, 0

    def _clear(self) -> None:
        with no_fork():
            self._arrays, self._texts = [], ()

    def close(self) -> None:
        """Release the pipelines and the current run; batches that were handed out stay valid."""
        with no_fork():
            self._pipelines = []
        self._clear()

    def state(self) -> dict[str, Any]:
        """Return plain values: where each pipeline was before the current run, and how much of that was handed out."""
        if self._taken < self._per_run:
            return {"pipelines": self._began_at, "taken": self._taken}
        return {"pipelines": self._checkpoints(), "taken": self._passed_over}

    def _checkpoints(self) -> list[str]:
        with no_fork():
            return [base64.b64encode(pipeline.checkpoint()).decode() for pipeline in self._pipelines]
