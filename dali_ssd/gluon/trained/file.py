"""The file of a trained network, without MXNet: a checkpoint tells more of itself than parameters do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dali_ssd.gluon.checkpoint.file import SUFFIX, Arrays, read_checkpoint
from dali_ssd.gluon.checkpoint.header import require_parameter_file
from dali_ssd.gluon.networks.naming import named_network

__all__ = ["Trained", "read_trained"]


@dataclass(frozen=True)
class Trained:
    """A file with a trained network, and what it tells of the training run."""

    path: Path
    arrays: Arrays | None = None
    """Of a checkpoint; None for a parameter file, which MXNet reads itself."""
    identity: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the run that a checkpoint holds."""

    @property
    def network(self) -> str | None:
        """The backbone, from the checkpoint or else from the file's name; None if neither tells."""
        return self.identity.get("network") or self._named[0]

    @property
    def data_shape(self) -> int | None:
        """Side of the network's input in pixels, likewise."""
        return self.identity.get("data_shape") or self._named[1]

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the checkpoint; none if it is a parameter file, which has none."""
        return tuple(self.identity.get("classes", ()))

    @property
    def _named(self) -> tuple[str, int] | tuple[None, None]:
        return named_network(self.path.name) or (None, None)


def read_trained(path: Path) -> Trained:
    """Read what a file tells.

    Raises CheckpointError if it is a checkpoint that cannot be read, or no parameter file; whether that is whole, and
    fits a network, is seen when the network is loaded.
    """
    if path.suffix != SUFFIX:
        require_parameter_file(path)
        return Trained(path)
    arrays, meta = read_checkpoint(path)
    return Trained(path, arrays, meta["identity"])
