"""The work that every contender gets, and the batches that it returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import PluginUse

__all__ = ["HOST_STEPS", "Contender", "Work", "WorkBatch"]

HOST_STEPS = ("read", "plan", "place", "host")
"""The steps of a pipeline for a GPU that run on the host; where the plugin renders, there is nothing to `place`."""


@dataclass(frozen=True)
class Work:
    """What to load and how: the same for all contenders of a comparison."""

    shards: tuple[str, ...]
    """Paths of the `.rec` files."""
    batch_size: int = 32
    data_shape: int = 300
    """Side of the square network input in pixels (S)."""
    threads: int = 1
    """Threads of a contender, or its worker processes."""
    device: Literal["cpu", "gpu"] = "cpu"
    """Device that the batches must reach; the process of a GPU sees no other, so it is GPU 0 to all contenders."""
    seed: int = 233
    plugin: PluginUse = "auto"
    """Whether the loader may use, or build, the plugin for GPUs."""
    until: str = ""
    """Last step to run, for the contender `steps` only."""
    folder: str = ""
    """Scratch folder of this run, for example for a merged index."""


@dataclass(frozen=True)
class WorkBatch:
    """One batch of a contender: lists of one array each, empty for arrays that the contender does not make."""

    size: int
    """Images in the batch."""
    data: list[Any] = field(default_factory=list)
    """`(B, 3, S, S) float32`, normalized."""
    cls_targets: list[Any] = field(default_factory=list)
    """`(B, N) float32`."""
    box_targets: list[Any] = field(default_factory=list)
    """`(B, N, 4) float32`."""
    placement: str = field(default="", kw_only=True)
    """What runs where, in words; empty if the contender does not say."""

    def wait(self) -> None:
        """Wait until the arrays can be read: MXNet's are computed in the background.

        Arrays over DALI's memory are complete on the host and on a GPU, since DALI waits for them in `run()`.
        """
        for array in (*self.data, *self.cls_targets, *self.box_targets):
            if hasattr(array, "wait_to_read"):
                array.wait_to_read()


class Contender(Protocol):
    """The interface of each module of `dali_ssd.bench.contenders`."""

    __doc__: str | None

    def batches(self, work: Work, anchors: NDArray[np.float32]) -> Iterator[WorkBatch]:
        """Yield batches endlessly, epoch after epoch; `anchors`: `(N, 4) float32` center format in network pixels."""
