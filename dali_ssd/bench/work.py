"""The work that every contender gets, and what one of its batches is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["HOST_STEPS", "Contender", "Work", "WorkBatch"]

HOST_STEPS = ("read", "plan", "place")
"""The steps of a pipeline for a GPU that run on the host."""


@dataclass(frozen=True)
class Work:
    """What is loaded and how: the same for all contenders of a comparison."""

    shards: tuple[str, ...]
    """Paths of the `.rec` files."""
    batch_size: int = 32
    data_shape: int = 300
    """Side of the square network input in pixels (S)."""
    threads: int = 1
    """Threads of a contender, or worker processes where that is how it works."""
    device: Literal["cpu", "gpu"] = "cpu"
    """Where the batches must end up."""
    seed: int = 233
    until: str = ""
    """Last step to run, for the contender `steps` only."""
    folder: str = ""
    """Scratch folder of this run, such as for a merged index."""


@dataclass(frozen=True)
class WorkBatch:
    """One batch as a contender hands it over: lists of one array each, empty for what the contender does not make."""

    size: int
    """Images in the batch."""
    data: list[Any] = field(default_factory=list)
    """`(B, 3, S, S) float32`, normalized."""
    cls_targets: list[Any] = field(default_factory=list)
    """`(B, N) float32`."""
    box_targets: list[Any] = field(default_factory=list)
    """`(B, N, 4) float32`."""

    def wait(self) -> None:
        """Return when the arrays can be read: MXNet computes its own in the background, NumPy's are complete."""
        for array in (*self.data, *self.cls_targets, *self.box_targets):
            if not isinstance(array, np.ndarray):
                array.wait_to_read()


class Contender(Protocol):
    """What each module of `dali_ssd.bench.contenders` offers."""

    __doc__: str | None

    def batches(self, work: Work, anchors: NDArray[np.float32]) -> Iterator[WorkBatch]:
        """Yield batches without end, epoch after epoch; `anchors`: `(N, 4) float32` center format in network pixels."""
