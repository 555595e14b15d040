"""Batches of tensors on one device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

import torch
from typing_extensions import Self

from dali_ssd.errors import RecordLocation
from dali_ssd.loader.batch import Parts

__all__ = ["BoxBatch", "EncodedBatch", "Target"]

Target: TypeAlias = dict[str, torch.Tensor]
"""The objects of an image, as torchvision's detection models take them: `boxes` (n, 4) float32 xmin ymin xmax ymax in
pixels of the network's input, `labels` (n,) int64, class id + 1, since 0 is the background. For validation also
`difficult` (n,) bool."""


class _Tensors(Parts):
    """A batch that is moved as a tensor is."""

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """Return the batch with all its tensors on another device."""
        place = torch.device(device)  # and not a type, which would change boxes and classes
        return self._mapped(lambda tensor: tensor.to(place, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """Return the batch in page-locked memory, from which a GPU copies while the host goes on."""
        return self._mapped(torch.Tensor.pin_memory)

    def _parts(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._names())

    def _names(self) -> list[str]:
        return [each.name for each in fields(self) if each.name != "_locate"]  # type: ignore[arg-type]

    def _mapped(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        parts = {name: _map(part, function) for name, part in zip(self._names(), self._parts(), strict=True)}
        return replace(self, **parts)  # type: ignore[type-var]


@dataclass(frozen=True, eq=False)
class EncodedBatch(_Tensors):
    """A training batch with a target for each anchor. Unpacks as `(images, cls_targets, box_targets)`."""

    images: torch.Tensor
    """(B, 3, S, S)"""
    cls_targets: torch.Tensor
    """(B, N) int64: 0 background, else class id + 1."""
    box_targets: torch.Tensor
    """(B, N, 4) float32: 0 where not positive."""
    _locate: Callable[[], list[RecordLocation]] = field(default=list, repr=False)


@dataclass(frozen=True, eq=False)
class BoxBatch(_Tensors):
    """A batch with the objects of each image. Unpacks as `(images, targets)`."""

    images: torch.Tensor
    """(B, 3, S, S)"""
    targets: list[Target]
    _locate: Callable[[], list[RecordLocation]] = field(default=list, repr=False)


def _map(part: Any, function: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(part, torch.Tensor):
        return function(part)
    return [{name: function(tensor) for name, tensor in target.items()} for target in part]
