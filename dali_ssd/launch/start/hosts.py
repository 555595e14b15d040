"""Which rank runs on which host."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

from dali_ssd.errors import ConfigError
from dali_ssd.launch.start.options import LaunchConfig
from dali_ssd.util.words import counted

__all__ = ["Seat", "seats"]

_HERE = ("localhost", "127.0.0.1")
_HOST = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?::([0-9]+))?")


@dataclass(frozen=True)
class Seat:
    """Where a rank runs."""

    rank: int
    host: str
    """Name of the host as in -H; `localhost` without it."""
    local_rank: int
    local_size: int

    @property
    def here(self) -> bool:
        """Whether that is this host."""
        return self.host in (*_HERE, socket.gethostname())


def seats(config: LaunchConfig) -> list[Seat]:
    """Return the seat of each rank, those of a host one after the other.

    Raises ConfigError if the hosts are written otherwise, or have another number of processes than -n.
    """
    hosts = _parse(config.hosts) if config.hosts else {_HERE[0]: config.processes}
    total = sum(hosts.values())
    if not total:
        raise ConfigError("say how many processes to start: -n 4, or on several hosts -H host1:4,host2:4")
    if config.processes not in (0, total):
        raise ConfigError(
            f"-n {config.processes} and -H {config.hosts}, which has {total}: give one of them, or the same"
        )
    if len(hosts) > 1 and not config.address and next(iter(hosts)) in _HERE:
        raise ConfigError(f"-H {config.hosts}: give the first host the name by which the others know it, or --address")
    places = [(host, local, size) for host, size in hosts.items() for local in range(size)]
    return [Seat(rank, host, local, size) for rank, (host, local, size) in enumerate(places)]


def _parse(text: str) -> dict[str, int]:
    """Return the number of processes of each host."""
    hosts: dict[str, int] = {}
    for part in text.split(","):
        found = _HOST.fullmatch(part.strip())
        if found is None or found[2] == "0":
            raise ConfigError(f"-H {text}: {part!r} is no host with its number of processes, such as host1:4")
        if found[1] in hosts:
            raise ConfigError(f"-H {text}: {found[1]} is there twice; give {counted(2, 'process')} as {found[1]}:2")
        hosts[found[1]] = int(found[2] or 1)
    return hosts
