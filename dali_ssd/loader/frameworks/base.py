"""The interface of a framework: the only part of a loader that depends on one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

__all__ = ["Device", "Framework"]


@dataclass(frozen=True)
class Device:
    """A device that gets a part of each batch."""

    kind: Literal["cpu", "gpu"]
    number: int
    handle: Any = None
    """The framework's own object for it."""


class Framework(Protocol):
    """A module with these functions, which need not import the framework before they are called."""

    def devices(self, ctx: Any) -> list[Device]:
        """Return the devices that a loader's argument `ctx` names, all of one kind; None: the CPU.

        Raises ConfigError if it names none, or not devices of one kind.
        """

    def array(self, tensors: Any, device: Device) -> Any:
        """Return the framework's array on `device` of what a dense DALI `TensorList` holds.

        Nothing is copied if the tensors are there: the memory is DALI's, and lives as long as the array does. Slices of
        the array along its first axis are arrays as well. The boxes of `targets="boxes"` are on the host, for a GPU
        too; a framework without arrays on both leaves them there.
        """

    def anchors(self, anchors: Any, data_shape: int) -> Any:
        """Return anchors as something that `numpy.asarray` takes, from a loader's argument: anchors, or a network.

        A network gives its anchors for an input of `data_shape` pixels.
        """
