"""The pipelines, one per device, that together prepare every n-th batch of a loader."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from dali_ssd.errors import ConfigError, RecordLocation
from dali_ssd.loader.batch import Batch, BoxBatch
from dali_ssd.loader.fork_guard import no_fork
from dali_ssd.loader.recipes import Recipe

__all__ = ["PipelineGroup", "batch_class", "require_outputs"]


def batch_class(recipe: Recipe) -> type[Batch] | type[BoxBatch]:
    """Return the class of the batches that a recipe trains on."""
    return BoxBatch if recipe.targets.targets == "boxes" else Batch


def require_outputs(pipeline: Any, recipe: Recipe) -> None:
    """Raise ConfigError unless a built training pipeline of the recipe has what a batch is made of."""
    wanted, outputs = fields(batch_class(recipe)), len(pipeline.output_dtype())
    if outputs != len(wanted):
        names = ", ".join(field.name for field in wanted[:-1])
        raise ConfigError(
            f"the training pipeline of the recipe {recipe.name} returns {outputs} outputs, and "
            f"targets={recipe.targets.targets!r} needs {len(wanted)}: {names} and the records' places; return "
            "what `dali_ssd.graph.targets.encode` returns"
        )


class PipelineGroup:
    """Batches from runs of one pipeline per device, several batches per run.

    Each run begins with a checkpoint of its pipelines, from which it can be made again (0.02 to 0.2 ms a run).

    Args:
        pipelines: built, one per device, from the checkpoints of `state`.
        makers: functions that make the framework's arrays from DALI's tensors, one per device.
        batch: what makes a batch of its parts, lists with an array per device, and a function that locates its records.
        batch_size: images per batch on each device.
        per_run: batches per run.
        state: as of `state()`; "pipelines" may hold None for those at their beginning.
    """

    taken: int
    """Batches of the current run that were handed out; whoever hands one out counts it here."""

    def __init__(
        self,
        pipelines: Sequence[Any],
        makers: Sequence[Callable[[Any], Any]],
        batch: Callable[..., Batch | BoxBatch],
        batch_size: int,
        per_run: int,
        state: Mapping[str, Any],
    ) -> None:
        self._pipelines, self._makers = [*pipelines], makers
        self._batch, self._batch_size, self._per_run = batch, batch_size, per_run
        self._began_at, self.taken = state["pipelines"], state["taken"]
        self._arrays: list[list[Any]] = []
        self._texts: tuple[Any, ...] = ()

    def next(
        self, run: Callable[[Sequence[Any]], list[Any]], locate: Callable[[Sequence[Any]], list[RecordLocation]]
    ) -> Batch | BoxBatch:
        """Return the next batch. `run` returns what pipelines have prepared, `locate` where images come from.

        If this is cut short by an exception, the pipelines must be built anew from `state()`.
        """
        self._end_run()
        if not self._arrays:
            self._take_run(run)
        size = self._batch_size
        rows, texts = slice(self.taken * size, (self.taken + 1) * size), self._texts
        # Views, no copies; the whole array if a run is one batch, since each view takes MXNet 0.05 ms.
        parts = [[array if self._per_run == 1 else array[rows] for array in part] for part in self._arrays]
        return self._batch(*parts, lambda: locate([list(tensors)[rows] for tensors in texts]))

    def state(self) -> dict[str, Any]:
        """Return plain values: where each pipeline was before the current run, and how much of that was handed out."""
        self._end_run()
        return {"pipelines": self._began_at, "taken": self.taken}

    def release(self) -> None:
        """Release the pipelines and the current run; batches that were handed out stay valid."""
        with no_fork():
            self._pipelines.clear()  # and not another list: a traceback may hold this one
        self._clear()

    def _end_run(self) -> None:
        """If all of the current run was handed out, begin the next one, without anything of it."""
        if self.taken == self._per_run:
            self._clear()  # so that its memory is free again while the next run is awaited
            self._began_at, self.taken = self._checkpoints(), 0

    def _take_run(self, run: Callable[[Sequence[Any]], list[Any]]) -> None:
        *parts, self._texts = zip(*run(self._pipelines), strict=True)
        self._arrays = [[make(tensors) for make, tensors in zip(self._makers, part, strict=True)] for part in parts]

    def _clear(self) -> None:
        with no_fork():
            self._arrays, self._texts = [], ()

    def _checkpoints(self) -> list[str]:
        with no_fork():
            return [base64.b64encode(pipeline.checkpoint()).decode() for pipeline in self._pipelines]
