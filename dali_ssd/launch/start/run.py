"""A whole run: all ranks are started, supervised, and started again after a failure."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from queue import SimpleQueue

from dali_ssd.launch.network import free_port
from dali_ssd.launch.start.command import by_hand, environment, resumed, train_command
from dali_ssd.launch.start.hosts import Seat, seats
from dali_ssd.launch.start.options import LaunchConfig
from dali_ssd.launch.start.rank import RankProcess, say
from dali_ssd.launch.start.reach import unreached, wait_until_reached
from dali_ssd.launch.start.supervisor import Events, Outcome, Supervisor, signals_into
from dali_ssd.launch.world import PORTS
from dali_ssd.util.words import counted

__all__ = ["PROGRAM", "launch"]

PROGRAM = (sys.executable, "-m", "dali_ssd")
"""The command `dali-ssd`, by this Python."""
_USAGE_ERROR = 2
"""Exit code of a rank that cannot do what it was told, and could not when started again."""


def launch(config: LaunchConfig, given: Sequence[str], program: Sequence[str] = PROGRAM) -> int:
    """Start all ranks and wait for them; return the exit code of the first that fails, 0 if none does.

    `given`: the arguments of `program`, `train` and its options. Ranks on hosts that the agent does not reach are not
    started: the commands for them are printed, and the others wait for them. Before another start, hosts that were
    reached and no longer are get five minutes. Raises ConfigError if the options contradict each other.
    """
    command, ranks = train_command(config, given), seats(config)
    others = list(dict.fromkeys(seat.host for seat in ranks if not seat.here))
    events: Events = SimpleQueue()
    with signals_into(events):
        for start in range(config.restart + 1):
            missing = unreached(config.agent, others, events)
            outcome = _run(config, ranks, start, [*program, *command], missing, events)
            if start == config.restart or outcome.stopped or outcome.code in (0, _USAGE_ERROR):
                break
            say(f"starting all ranks again; {counted(config.restart - start - 1, 'restart')} left")
            command = resumed(command)
            wait_until_reached(config.agent, [host for host in others if host not in missing], events)
    return outcome.code


def _run(
    config: LaunchConfig,
    ranks: Sequence[Seat],
    start: int,
    command: Sequence[str],
    missing: Mapping[str, str],
    events: Events,
) -> Outcome:
    """Start the ranks of all hosts but the missing, and wait for their end; start none if a signal has come."""
    if not events.empty():
        _, number = events.get()
        return Outcome(128 + number, stopped=True)
    environments = _environments(config, ranks, start)
    _print_commands(missing, environments, command)
    started = [
        RankProcess(seat, config.agent, command, environ, events)
        for seat, environ in environments.items()
        if seat.host not in missing
    ]
    return Supervisor(started, events).run()


def _environments(config: LaunchConfig, ranks: Sequence[Seat], start: int) -> dict[Seat, dict[str, str]]:
    """Return what each rank finds in its environment. Each start has a port of its own, unless one was given."""
    first = ranks[0]
    address = config.address or ("127.0.0.1" if first.host == "localhost" else first.host)
    # A port of another host may be taken; rank 0 says so then, and another start has another.
    port = PORTS[0] + (os.getpid() + 101 * start) % (PORTS[1] - PORTS[0])
    port = config.port or (free_port(port) if first.here else port)
    return {seat: environment(seat, len(ranks), address, port) for seat in ranks}


def _print_commands(
    missing: Mapping[str, str], environments: Mapping[Seat, dict[str, str]], command: Sequence[str]
) -> None:
    """Print what to run by hand on the hosts that are not reached."""
    for host, reason in missing.items():
        print(f"dali-ssd: {host} is not reached ({reason}); run there:")
        for seat, environ in environments.items():
            if seat.host == host:
                print(f"  {by_hand(environ, command)}", flush=True)
