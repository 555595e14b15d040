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

__all__ = ["RankProcess", "agent_command"]

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
            [*([] if seat.here else agent_command(agent, seat.host)), *_python(seat), "-m", _KEEPER],
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
                with _WRITING:
                    target.write(name + line.decode(errors="replace").rstrip("\n") + "\n")
                    target.flush()

    def _wait(self, ended: SimpleQueue[tuple[int, int]]) -> None:
        code = self._process.wait()
        for reader in self._readers:
            reader.join(_DRAIN_S)
        ended.put((self.rank, code if code >= 0 else 128 - code))


def agent_command(agent: str, host: str) -> list[str]:
    """Return the words of the command that runs another on a host."""
    return [word.replace("{host}", host) for word in shlex.split(agent)]


def _python(seat: Seat) -> list[str]:
    """Return the Python of a rank's host, which must be where it is here and find this package."""
    path = os.environ.get("PYTHONPATH")
    return [sys.executable] if seat.here or not path else ["env", f"PYTHONPATH={path}", sys.executable]
