"""A rank as the launcher sees it: a process beside it on its host, its output, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Lock, Thread
from typing import IO

from dali_ssd.launch.start.hosts import Seat

__all__ = ["RankProcess", "agent_command", "say"]

_KEEPER = "dali_ssd.launch.start.keeper"
_DRAIN_S = 2.0
"""Seconds to read what a rank has written after it has ended: something else may hold its output open."""
_WRITING = Lock()
"""So that lines of two ranks do not mix."""


class RankProcess:
    """A rank that has been started. Its end goes to a queue, as (rank, exit code)."""

    def __init__(
        self,
        seat: Seat,
        agent: str,
        command: Sequence[str],
        environ: dict[str, str],
        ended: SimpleQueue[tuple[int, int]],
    ) -> None:
        self.rank = seat.rank
        # Rank 0's output is the run's own, with a progress bar on a terminal; through an agent there is none.
        piped = subprocess.PIPE if seat.rank or not seat.here else None
        self._process = subprocess.Popen(
            _keeper() if seat.here else agent_command(agent, seat.host, _keeper(path=os.environ.get("PYTHONPATH"))),
            stdin=subprocess.PIPE,
            stdout=piped,
            stderr=piped,
            start_new_session=True,
        )
        order = {"folder": os.getcwd(), "command": list(command), "environment": environ}
        self._say(json.dumps(order))
        streams = ((self._process.stdout, sys.stdout), (self._process.stderr, sys.stderr))
        self._readers = [Thread(target=self._copy, args=pair, daemon=True) for pair in streams if pair[0]]
        for thread in (*self._readers, Thread(target=self._wait, args=(ended,), daemon=True)):
            thread.start()

    def send(self, number: signal.Signals) -> None:
        """Send the rank a signal."""
        self._say(str(int(number)))

    def give_up(self) -> None:
        """End what is left of it on this host, such as an agent whose host is gone."""
        self._process.kill()

    def _say(self, line: str) -> None:
        stream = self._process.stdin
        with contextlib.suppress(OSError, ValueError):  # it has ended: the queue will say so
            if stream is not None:
                stream.write(line.encode() + b"\n")
                stream.flush()

    def _copy(self, source: IO[bytes], target: IO[str]) -> None:
        """Write what the rank writes, each line with its rank."""
        name = f"[rank {self.rank}] " if self.rank else ""
        with source:
            for line in source:
                _write(name + line.decode(errors="replace").rstrip("\n"), target)

    def _wait(self, ended: SimpleQueue[tuple[int, int]]) -> None:
        code = self._process.wait()
        for reader in self._readers:
            reader.join(_DRAIN_S)
        ended.put((self.rank, code if code >= 0 else 128 - code))


def say(message: str) -> None:
    """Print a message of the launcher, on a line of its own."""
    _write(f"dali-ssd: {message}", sys.stderr)


def agent_command(agent: str, host: str, command: Sequence[str]) -> list[str]:
    """Return the words that run a command on a host.

    ssh joins the command's words for a shell to split, so they are quoted; other agents pass them on as they are.
    """
    words = [word.replace("{host}", host) for word in shlex.split(agent)]
    by_shell = any(os.path.basename(word) == "ssh" for word in words)
    return words + [shlex.quote(word) if by_shell else word for word in command]


def _keeper(path: str | None = None) -> list[str]:
    """Return the command of a rank's keeper. Its host must have this Python and package where they are here."""
    return [*(("env", f"PYTHONPATH={path}") if path else ()), sys.executable, "-m", _KEEPER]


def _write(line: str, target: IO[str]) -> None:
    with _WRITING, contextlib.suppress(OSError):  # a terminal that has gone must not keep ranks from saving
        target.write(f"{line}\n")
        target.flush()
