"""The other processes of a run, as one of them sees them once they have met."""

from __future__ import annotations

import atexit
import faulthandler
import json
import os
import socket
import sys
from dataclasses import dataclass
from threading import Thread
from types import TracebackType
from typing import Any

from dali_ssd.errors import PeerError

__all__ = ["BYE", "PEER_ENDED", "Connection", "Peers", "Place", "keep_alive"]

BYE = b"bye\n"
"""What a rank sends that ends as it should; the answer says that nobody watches it any more."""
PEER_ENDED = PeerError.exit_code
"""Exit code of a process that ends because another one has."""
_ANSWER_S = 5.0
_END_S = 10
"""Seconds that a failed rank has to end, from its error on: engines wait at exit for the others, which have ended."""


@dataclass(frozen=True)
class Place:
    """The place of a process among the others."""

    address: str
    """Address of this process's host, by which the other hosts reach it."""
    master: str
    """Address of rank 0's host."""
    port: int
    """A free port on rank 0's host, for the engine."""
    host: str
    """A name for this process's host, the same for all processes on it."""
    cross_rank: int
    """Number of this host among those with a process of this local rank."""
    cross_size: int
    """Number of hosts with a process of this local rank."""


class Connection:
    """Messages from and to rank 0, a line each."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._lines = connection.makefile("rb")

    def send(self, line: bytes) -> None:
        """Send a line; one that does not arrive shows when the answer does not come."""
        try:
            self._socket.sendall(line)
        except OSError:
            return

    def receive(self) -> dict[str, Any] | None:
        """Return the next message; None if rank 0 has ended, is not heard in time, or is something else."""
        try:
            message = json.loads(self._lines.readline())
        except (OSError, ValueError):
            return None
        return message if isinstance(message, dict) else None

    def close(self) -> None:
        """Close it; the others take this process for ended if it has not left."""
        self._lines.close()
        self._socket.close()

    def wait_for_ever(self) -> None:
        """Let `receive` wait without a limit from now on."""
        self._socket.settimeout(None)


class Peers:
    """All processes of a run. If one of them ends without having left, this one ends at once, with exit code 4.

    A context of the whole training: it leaves the others when it ends, and not when it ends by an error, so that they
    end as well. A process that uses no context leaves when it exits. Neither happens if it is killed.
    """

    def __init__(self, rank: int, place: Place | None = None, connection: Connection | None = None) -> None:
        self.place = place
        """None if the engine's own launcher has started the processes, which then do not meet, and nobody watches."""
        self._rank = rank
        self._connection = connection
        self._leaving = False
        self._watcher = Thread(target=self._watch, daemon=True, name="peers")
        if connection is not None:
            connection.wait_for_ever()
            self._watcher.start()
            atexit.register(self.leave)

    def leave(self) -> None:
        """Let the others go on when this one ends: they have agreed to stop, or there is nothing left to do."""
        atexit.unregister(self.leave)
        if self._connection is not None and not self._leaving:
            self._leaving = True
            self._connection.send(BYE)
            self._watcher.join(_ANSWER_S)
            self._connection.close()

    def __enter__(self) -> Peers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None or self._leaving:
            self.leave()
        elif self._connection is not None:  # nobody waits for a process alone
            atexit.unregister(self.leave)
            faulthandler.dump_traceback_later(_END_S, exit=True, file=os.open(os.devnull, os.O_WRONLY))

    def _watch(self) -> None:
        """End this process if one of the others has ended."""
        if self._connection is None:
            return
        message = self._connection.receive()
        if self._leaving or (message and "over" in message):
            return
        ended = message.get("ended", 0) if message else 0
        print(f"dali-ssd: rank {ended} has ended early, so rank {self._rank} ends too", file=sys.stderr, flush=True)
        os._exit(PEER_ENDED)  # the main thread may wait inside the engine, which nothing else ends


def keep_alive(connection: socket.socket) -> None:
    """Let a connection break half a minute after its other host has gone without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 4)):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
