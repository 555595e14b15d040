"""Read the losses of a step after the next one was started, and stop the run if a loss is not finite.

Reading a loss waits for its forward pass. One step later it is there already: MXNet computes the next step meanwhile,
and no synchronization is added to the one inside GluonCV's loss. One more update is made before the run stops, which
does no harm: the trainer reads everything (`flush`) before it saves or scores, so those weights are never saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_ssd.errors import TrainingError
from dali_ssd.util.words import counted

__all__ = ["LossMonitor"]

_NAMED_RECORDS = 64
"""Most records that an error message lists."""


class LossMonitor:
    """Holds the losses of one step, and passes (cross entropy, smooth L1) to `report` when the next ones come."""

    def __init__(self, report: Callable[[float, float], None], classes: int) -> None:
        self._report = report
        self._classes = classes
        self._pending: _Pending | None = None

    def push(self, step: int, lr: float, losses: Sequence[Any], batch: Any) -> None:
        """Take the losses of a step, one NDArray of (3,) per device, and read those of the step before.

        They are cross entropy and smooth L1, sums over the device's images divided by the number of positive anchors
        of the whole batch, and the batch's highest class target. Raises TrainingError if the losses of the step before
        are not finite, or if its batch has a class that the network does not (MXNet takes it for the last one).
        """
        previous, self._pending = self._pending, _Pending(step, lr, losses, batch)
        if previous is not None:
            self._read(previous)

    def flush(self) -> None:
        """Read the losses that are left. Raises TrainingError if they are not finite."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._read(pending)

    def _read(self, pending: _Pending) -> None:
        values = np.stack([loss.asnumpy() for loss in pending.losses])
        cross_entropy, smooth_l1, _ = (float(value) for value in values.sum(axis=0))
        highest = int(values[:, 2].max()) - 1
        if highest >= self._classes:
            raise TrainingError(
                f"class id {highest} at step {pending.step} is beyond the {counted(self._classes, 'class name')}; "
                f"see --classes. The batch's records: {_records(pending.batch)}",
                pending.step,
            )
        if not (math.isfinite(cross_entropy) and math.isfinite(smooth_l1)):
            raise TrainingError(_explain(pending, cross_entropy, smooth_l1), pending.step)
        self._report(cross_entropy, smooth_l1)


def _explain(pending: _Pending, cross_entropy: float, smooth_l1: float) -> str:
    return (
        f"the loss is not finite at step {pending.step} (CrossEntropy={cross_entropy}, SmoothL1={smooth_l1}, "
        f"lr={pending.lr:g}). Go on from the last checkpoint with a smaller --lr, or look at the batch's records "
        f"with `dali-ssd check` and `dali-ssd show`: {_records(pending.batch)}"
    )


def _records(batch: Any) -> str:
    name = getattr(batch, "records", None)
    if name is None:
        return "not known, this loader does not name them"
    places = [str(place) for place in name()]
    more = f" and {len(places) - _NAMED_RECORDS} more" if len(places) > _NAMED_RECORDS else ""
    return "; ".join(places[:_NAMED_RECORDS]) + more


@dataclass(frozen=True)
class _Pending:
    step: int
    lr: float
    losses: Sequence[Any]
    batch: Any
