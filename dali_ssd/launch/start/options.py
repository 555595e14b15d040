"""The options of `dali-ssd launch`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from dali_ssd.util.validation import check_at_most, check_choices, check_not_negative, check_types, raise_all

__all__ = ["LaunchConfig"]

Processes = Annotated[int, tyro.conf.arg(aliases=["-n"])]
Hosts = Annotated[str, tyro.conf.arg(aliases=["-H"])]


@dataclass(frozen=True)
class LaunchConfig:
    """Start the processes of a training run, one for each GPU, and end all of them when one fails.

    The training command follows after `--`: `dali-ssd launch -n 4 -- train --train ...`
    """

    processes: Processes = 0
    """Number of processes; 0: as many as -H has."""
    hosts: Hosts = ""
    """Hosts and the number of processes on each: host1:4,host2:4; empty: this host."""
    engine: Literal["auto", "horovod", "kvstore"] = "auto"
    """What exchanges gradients: Horovod, or MXNet's KVStore (dist_sync); auto: what the command says, else Horovod."""
    restart: int = 0
    """How many times to start all processes again, from the last checkpoint, after a failure."""
    agent: str = "ssh -o BatchMode=yes -o ServerAliveInterval=30 -o ServerAliveCountMax=4 {host}"
    """Command that runs another on a host; empty: print the commands for other hosts, to be run there by hand."""
    address: str = ""
    """Name or address of the first host as the others know it; empty: its name in -H."""
    port: int = 0
    """Port on the first host at which the processes meet; 0: choose one."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_not_negative(self, "processes", "restart", "port") + check_at_most(self, port=65_535)
        faults += check_choices(self, "engine")
        raise_all(self, faults + self._agent_faults())

    def _agent_faults(self) -> list[str]:
        try:
            words = shlex.split(self.agent)
        except ValueError as error:
            return [f"agent must be words of a shell, not {self.agent!r}: {error}"]
        if words and not any("{host}" in word for word in words):
            return [f"agent must have {{host}} where the host's name belongs, not {self.agent!r}"]
        return []
