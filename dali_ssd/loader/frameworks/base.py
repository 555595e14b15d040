"""What a loader asks of a framework; everything else it does without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

__all__ = ["Device", "Framework"]


@dataclass(frozen=True)
class Device:
    """Where a part of each batch goes."""

    kind: Literal["cpu", "gpu"]
    number: int
    handle: Any = None
    """What the framework calls it."""


class Framework(Protocol):
    """A module with these functions, which need not import the framework before they are called."""

    def devices(self, ctx: Any) -> list[Device]:
        """Return the devices that a loader's argument `ctx` names, all of one kind; None: the CPU.

        Raises ConfigError if it names none, or not devices of one kind.
        """

    def array(self, tensors: Any, device: Device) -> Any:
        """Return the framework's array on `device` of what a dense DALI `TensorList` holds.

        No copy, if the tensors are there: the memory is DALI's, and lives as long as the array does. Slices of the
        array along its first axis are arrays as well.
        """

    def anchors(self, anchors: Any, data_shape: int) -> Any:
        """Return anchors as something that `numpy.asarray` takes, from what a loader was given: these, or a network.

        A network is asked what its anchors are for an input of `data_shape` pixels.
        """
