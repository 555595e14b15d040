"""A trained network with the parameters of its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dali_ssd.errors import CheckpointError
from dali_ssd.gluon.checkpoint.parameters import load_parameters
from dali_ssd.gluon.checkpoint.state import restore_parameters
from dali_ssd.gluon.networks.zoo import build_network, initialize
from dali_ssd.gluon.trained.choice import Choice
from dali_ssd.gluon.training.run import learned_by
from dali_ssd.loader.recipes import Recipe

__all__ = ["load_network"]


def load_network(choice: Choice, devices: Sequence[Any], recipe: Recipe) -> Any:
    """Return the network with its trained parameters on the devices.

    Raises ConfigError if there is no such network, CheckpointError if the parameters are not its own or were trained
    with other numbers than the recipe's.
    """
    size, trained = recipe.image.data_shape, choice.trained
    net = build_network(choice.network, size, choice.classes, stds=recipe.targets.stds)
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
