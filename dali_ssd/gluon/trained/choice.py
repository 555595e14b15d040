"""Which trained network is meant, by options and by its file, without MXNet: what is wrong is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dali_ssd.config import InputConfig
from dali_ssd.errors import ConfigError
from dali_ssd.gluon.options import EvalConfig
from dali_ssd.gluon.trained.file import Trained, read_trained
from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.format.classes import CLASSES_FILE, names_or_none, read_classes

__all__ = ["Choice", "choose", "choose_to_score"]


@dataclass(frozen=True)
class Choice:
    """A trained network, not loaded yet."""

    trained: Trained
    network: str
    """The backbone."""
    input: InputConfig
    """The options of the input, with the size of the training run unless they have another."""
    classes: tuple[str, ...]


def choose(config: _Options, shards: Sequence[Path]) -> Choice:
    """Return the network that the options name; what they leave out, its file tells, or `classes.txt` beside shards.

    Raises ConfigError if nothing tells the network or its class names, CheckpointError if the file cannot be read.
    """
    trained = read_trained(Path(config.params))
    network = config.network or trained.network
    if not network:
        raise ConfigError(f"{trained.path} does not tell which network it is for; give --network and --data-shape")
    return Choice(trained, network, _input(trained, config.input), _classes(trained, config.classes, shards))


def choose_to_score(config: EvalConfig) -> Choice:
    """Return the network that is to be scored. Raises as `choose`, and ConfigError if the labels have other classes."""
    if not config.val:
        raise ConfigError("no shards to score on; give them with --val")
    shards = expand_paths(config.val)
    choice = choose(config, shards)
    theirs = names_or_none(config.classes, shards)
    if theirs and theirs != choice.classes:
        raise ConfigError(
            f"the classes beside the shards are {', '.join(theirs)}, those in {config.params} "
            f"{', '.join(choice.classes)}; convert the shards with --classes of the training run, or say which hold by "
            "--classes"
        )
    return choice


def _input(trained: Trained, given: InputConfig) -> InputConfig:
    if given.recipe or given.data_shape or not trained.data_shape:
        return given
    return InputConfig(data_shape=trained.data_shape)


def _classes(trained: Trained, option: str, shards: Sequence[Path]) -> tuple[str, ...]:
    if option:
        return read_classes(option)
    if trained.classes:
        return trained.classes
    beside = trained.path.parent / CLASSES_FILE
    if shards and (names := names_or_none("", shards)):
        return names
    if beside.is_file():
        return read_classes(beside)
    raise ConfigError(
        f"a parameter file has no class names, and there is no {beside}: write them into it, one a line in the order "
        "of the training run, or give --classes a,b,c"
    )


class _Options(Protocol):
    """What the options of `eval` and `detect` have in common."""

    @property
    def params(self) -> str: ...
    @property
    def network(self) -> str: ...
    @property
    def input(self) -> InputConfig: ...
    @property
    def classes(self) -> str: ...
