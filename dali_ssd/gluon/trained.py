"""A trained network from its file: a checkpoint tells more of itself than parameters do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dali_ssd.errors import CheckpointError
from dali_ssd.gluon.checkpoint.file import SUFFIX, Arrays, read_checkpoint
from dali_ssd.gluon.checkpoint.parameters import load_parameters, require_parameter_file
from dali_ssd.gluon.checkpoint.state import restore_parameters
from dali_ssd.gluon.networks.zoo import build_network, initialize, named_network
from dali_ssd.gluon.training.run import learned_by
from dali_ssd.loader.recipes import Recipe

__all__ = ["Trained", "load_network", "read_trained"]


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
    fits a network, is seen by `load_network`.
    """
    if path.suffix != SUFFIX:
        require_parameter_file(path)
        return Trained(path)
    arrays, meta = read_checkpoint(path)
    return Trained(path, arrays, meta["identity"])


def load_network(trained: Trained, network: str, classes: Sequence[str], devices: Sequence[Any], recipe: Recipe) -> Any:
    """Return the network with its trained parameters on the devices.

    Raises ConfigError if there is no such network, CheckpointError if the parameters are not its own or were trained
    with other numbers than the recipe's.
    """
    size = recipe.image.data_shape
    net = build_network(network, size, classes, stds=recipe.targets.stds)
    initialize(net, devices, size)
    if trained.arrays is None:
        load_parameters(net, trained.path, list(devices))
        return net
    here = learned_by(recipe)
    theirs = {name: trained.identity[name] for name in here if name in trained.identity}
    differ = [f"{name} {value} and not {here[name]}" for name, value in theirs.items() if value != here[name]]
    if differ:
        raise CheckpointError(
            f"{trained.path} was trained with {', '.join(differ)}; give the --recipe of its training run"
        )
    restore_parameters(net, trained.arrays)
    return net
