"""A whole run: all ranks are started, supervised, and started again after a failure."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from dali_ssd.launch.network import free_port
from dali_ssd.launch.start.command import by_hand, environment, resumed, train_command
from dali_ssd.launch.start.hosts import Seat, seats
from dali_ssd.launch.start.options import LaunchConfig
from dali_ssd.launch.start.rank import RankProcess, agent_command
from dali_ssd.launch.start.supervisor import Events, Supervisor, signals_into
from dali_ssd.launch.world import PORTS
from dali_ssd.util.processes import how_ended
from dali_ssd.util.words import counted

__all__ = ["PROGRAM", "launch"]

PROGRAM = (sys.executable, "-m", "dali_ssd")
"""The command `dali-ssd`, by this Python."""
_PROBE_S = 30
"""Seconds in which a host must answer."""
_USAGE_ERROR = 2
"""Exit code of a rank that cannot do what it was told, and could not when started again."""


def launch(config: LaunchConfig, given: Sequence[str], program: Sequence[str] = PROGRAM) -> int:
    """Start all ranks and wait for them; return the exit code of the first that fails, 0 if none does.

    `given`: the arguments of `program`, `train` and its options. Ranks on hosts that the agent does not reach are not
    started: the commands for them are printed, and the others wait for them. Raises ConfigError if the options
    contradict each other.
    """
    command, ranks = train_command(config, given), seats(config)
    environments = _environments(config, ranks)
    events: Events = SimpleQueue()
    with signals_into(events):
        unreached = _unreached(config, ranks)
        for starts_left in range(config.restart, -1, -1):
            _print_commands(unreached, environments, [*program, *command])
            started = [
                RankProcess(seat, config.agent, [*program, *command], environ, events)
                for seat, environ in environments.items()
                if seat.host not in unreached
            ]
            outcome = Supervisor(started, events).run()
            if not starts_left or outcome.stopped or outcome.code in (0, _USAGE_ERROR):
                break
            print(f"dali-ssd: starting all ranks again; {counted(starts_left - 1, 'restart')} left", file=sys.stderr)
            command = resumed(command)
    return outcome.code


def _environments(config: LaunchConfig, ranks: Sequence[Seat]) -> dict[Seat, dict[str, str]]:
    first = ranks[0]
    address = config.address or ("127.0.0.1" if first.host == "localhost" else first.host)
    # A port of another host may be taken; rank 0 says so then.
    port = PORTS[0] + os.getpid() % (PORTS[1] - PORTS[0])
    port = config.port or (free_port(port) if first.here else port)
    return {seat: environment(seat, len(ranks), address, port) for seat in ranks}


def _unreached(config: LaunchConfig, ranks: Sequence[Seat]) -> dict[str, str]:
    """Return the hosts on which the agent can run nothing, and why."""
    hosts = list(dict.fromkeys(seat.host for seat in ranks if not seat.here))
    with ThreadPoolExecutor(max(1, len(hosts))) as pool:
        reasons = dict(zip(hosts, pool.map(lambda host: _probe(config.agent, host), hosts), strict=True))
    return {host: reason for host, reason in reasons.items() if reason}


def _probe(agent: str, host: str) -> str:
    """Return why the agent cannot run anything on a host; nothing if it can."""
    if not agent:
        return "without --agent"
    command = [*agent_command(agent, host), "true"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PROBE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.strip().splitlines()
    return f"{shlex.join(command)}: {said[-1] if said else how_ended(done.returncode)}" if done.returncode else ""


def _print_commands(
    unreached: Mapping[str, str], environments: Mapping[Seat, dict[str, str]], command: Sequence[str]
) -> None:
    """Print what to run by hand on the hosts that are not reached."""
    for host, reason in unreached.items():
        print(f"dali-ssd: {host} is not reached ({reason}); run there:")
        for seat, environ in environments.items():
            if seat.host == host:
                print(f"  {by_hand(environ, command)}", flush=True)
