"""The command that every rank runs, and what it finds in its environment."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence

from dali_ssd.errors import ConfigError
from dali_ssd.launch.start.hosts import Seat
from dali_ssd.launch.start.options import LaunchConfig

__all__ = ["by_hand", "environment", "resumed", "train_command"]

_ENGINES = {"auto": ("--horovod",), "horovod": ("--horovod",), "kvstore": ("--kvstore", "dist_sync")}
_PASSED_ON = ("DALI_", "HOROVOD_", "MXNET_", "NCCL_", "OMP_", "PS_", "PYTHON")
"""Beginnings of the variables that ranks on other hosts get as well. Those on this host get all."""
_PLACES = re.compile(
    "HOROVOD_(RANK|SIZE|LOCAL_.*|CROSS_.*|GLOO_RENDEZVOUS_.*|GLOO_IFACE|HOSTNAME|CONTROLLER|CPU_OPERATIONS)"
)
"""Those among them that place one rank, which each finds out by itself."""


def train_command(config: LaunchConfig, given: Sequence[str]) -> list[str]:
    """Return the arguments of `dali-ssd` for each rank: those given, with the option of the engine if they have none.

    Raises ConfigError if they are not those of `train`, or contradict the options of `launch`.
    """
    if not given:
        raise ConfigError("say what to run, after two dashes: dali-ssd launch -n 4 -- train --train ...")
    if given[0] != "train":
        raise ConfigError(f"launch starts `train`, not {given[0]!r}: dali-ssd launch -n 4 -- train --train ...")
    options = _options(given)
    if config.restart and options.get("--resume", "auto") != "auto":
        raise ConfigError(
            f"--restart resumes from the newest checkpoint, the command from {options['--resume']}: give one of the two"
        )
    return [*given, *_engine_options(config.engine, options)]


def resumed(command: Sequence[str]) -> list[str]:
    """Return the arguments that go on from the newest checkpoint, or begin if there is none."""
    return [*command, *(() if "--resume" in _options(command) else ("--resume", "auto"))]


def environment(seat: Seat, size: int, address: str, port: int) -> dict[str, str]:
    """Return what a rank finds in its environment: torchrun's variables, and on other hosts some of this one's."""
    return ({} if seat.here else _passed_on()) | {
        "RANK": str(seat.rank),
        "WORLD_SIZE": str(size),
        "LOCAL_RANK": str(seat.local_rank),
        "LOCAL_WORLD_SIZE": str(seat.local_size),
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port),
    }


def by_hand(environ: Mapping[str, str], command: Sequence[str]) -> str:
    """Return a line for a shell that starts a rank."""
    variables = [f"{name}={text}" for name, text in environ.items()]
    return f"cd {shlex.quote(os.getcwd())} && {shlex.join(['env', *variables, *command])}"


def _passed_on() -> dict[str, str]:
    return {
        name: text for name, text in os.environ.items() if name.startswith(_PASSED_ON) and not _PLACES.fullmatch(name)
    }


def _engine_options(engine: str, options: Mapping[str, str]) -> tuple[str, ...]:
    """Return what to add to the options of `train`, so that the ranks find each other."""
    store = options.get("--kvstore", "")
    named = "horovod" if "--horovod" in options else "kvstore" if store.startswith("dist") else ""
    contradicts = named != engine if named else engine == "kvstore" and store  # a store of one process
    if engine != "auto" and contradicts:
        other = "--horovod" if named == "horovod" else f"--kvstore {store}"
        raise ConfigError(f"--engine {engine}, and {other} in the command: give one of the two")
    return () if named else _ENGINES[engine]


def _options(arguments: Sequence[str]) -> dict[str, str]:
    """Return the options among arguments, in either spelling, with what follows each."""
    found = {}
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument.startswith("--"):
            name, equals, text = argument.partition("=")
            found[name.replace("_", "-")] = text if equals else following
    return found
