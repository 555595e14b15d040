"""Batches: arrays of the framework that the loader was made for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dali_ssd.errors import RecordLocation

__all__ = ["Batch", "BoxBatch", "Parts", "ValBatch"]


class Parts(ABC):
    """Lets a batch be indexed and unpacked like the tuple of its parts."""

    _locate: Callable[[], list[RecordLocation]]

    @abstractmethod
    def _parts(self) -> tuple[Any, ...]: ...

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parts())

    def __getitem__(self, part: int) -> Any:
        return self._parts()[part]

    def __len__(self) -> int:
        return len(self._parts())

    def __reduce__(self) -> Any:
        # Processes send batches to each other; where the records are found is here.
        return type(self), (*self._parts(), partial(list, self.records()))

    def records(self) -> list[RecordLocation]:
        """Return which records these are, device by device; they are looked up only by this call."""
        return self._locate()


@dataclass(frozen=True)
class Batch(Parts):
    """A training batch: on each device what `gluon.utils.split_and_load` would put there.

    Indexes and unpacks as `(data, cls_targets, box_targets)`.
    """

    data: list[Any]
    """(B, 3, S, S) or (B, S, S, 3) array on each device."""
    cls_targets: list[Any]
    """(B, N) float32: 0 background, else class id + 1."""
    box_targets: list[Any]
    """(B, N, 4) float32: 0 where not positive."""
    _locate: Callable[[], list[RecordLocation]] = field(default=list, repr=False, compare=False)

    def _parts(self) -> tuple[list[Any], ...]:
        return self.data, self.cls_targets, self.box_targets


@dataclass(frozen=True)
class BoxBatch(Parts):
    """A training batch with boxes in place of targets for anchors. Indexes and unpacks as `(data, labels)`."""

    data: list[Any]
    """(B, 3, S, S) or (B, S, S, 3) array on each device."""
    labels: list[Any]
    """(B, M, 5) float32 xmin ymin xmax ymax id in network pixels, rows of -1 after the last object."""
    _locate: Callable[[], list[RecordLocation]] = field(default=list, repr=False, compare=False)

    def _parts(self) -> tuple[list[Any], ...]:
        return self.data, self.labels


@dataclass(frozen=True)
class ValBatch(Parts):
    """A validation batch. Indexes and unpacks as `(data, labels)`."""

    data: list[Any]
    """(B, 3, S, S) or (B, S, S, 3) array on each device; shorter, or one device fewer, in the last batch."""
    labels: list[Any]
    """(B, M, 6) float32 xmin ymin xmax ymax id difficult in network pixels, rows of -1 after the last object."""
    _locate: Callable[[], list[RecordLocation]] = field(default=list, repr=False, compare=False)

    def _parts(self) -> tuple[list[Any], ...]:
        return self.data, self.labels
