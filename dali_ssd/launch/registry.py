"""Rank 0's side of the meeting: a thread that waits for all ranks, tells each its place, and then who has ended."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Mapping
from typing import Any

from dali_ssd.errors import LaunchError
from dali_ssd.launch.network import free_port, is_loopback
from dali_ssd.launch.peers import BYE, keep_alive
from dali_ssd.launch.world import World
from dali_ssd.util.words import number_runs

__all__ = ["Registry"]

_HELLO_S = 5.0
"""Seconds for the first line of a connection: who connects by mistake may never send one."""


class Registry:
    """The ranks that have come, and the connections to them."""

    def __init__(self, world: World, own: socket.socket, listener: socket.socket, wait_s: float) -> None:
        self._world = world
        self._listener = listener
        self._wait_s = wait_s
        self._local_ranks = {world.rank: world.local_rank}
        self._connections = {world.rank: own}

    def run(self) -> None:
        """Wait for all ranks, tell them their places, and watch them until rank 0 ends or one of them does."""
        try:
            with self._listener:
                self._gather()
            for rank, place in self._places().items():
                _send(self._connections[rank], place)
            self._watch()
        except (LaunchError, OSError) as error:
            self._tell({"error": str(error)})
        finally:
            for connection in self._connections.values():
                connection.close()

    def _gather(self) -> None:
        """Wait until all ranks are there; raise LaunchError if they do not come.

        A rank that ends before is forgotten, and may come again.
        """
        end = time.monotonic() + self._wait_s
        self._listener.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ, self._world.rank)
            while len(self._connections) < self._world.size:
                ready = selector.select(max(0.0, end - time.monotonic()))
                if time.monotonic() > end:
                    missing = number_runs(sorted(set(range(self._world.size)) - set(self._connections)))
                    raise LaunchError(
                        f"of {self._world.size} ranks, {missing} did not come in {self._wait_s:.0f} s, or have ended; "
                        "see what they say"
                    )
                for rank in sorted((key.data for key, _ in ready), reverse=True):  # the listener, which is 0, last
                    if rank == self._world.rank:
                        self._admit(selector)
                    else:
                        selector.unregister(self._connections[rank])
                        self._connections.pop(rank).close()

    def _admit(self, selector: selectors.BaseSelector) -> None:
        """Take a rank in; raise LaunchError if it is none of this run. What is no rank at all is turned away."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # it has gone
            return
        hello = _hello(connection)
        if hello is None:
            connection.close()
            return
        try:
            self._check(hello)
        except LaunchError as error:
            with connection:
                _send(connection, {"error": str(error)})
            raise
        keep_alive(connection)
        _send(connection, {})  # it has come to the right place, and may take its time
        self._local_ranks[hello["rank"]], self._connections[hello["rank"]] = hello["local_rank"], connection
        selector.register(connection, selectors.EVENT_READ, hello["rank"])

    def _check(self, hello: Mapping[str, int]) -> None:
        rank, size, world = hello["rank"], hello["size"], self._world
        if size != world.size:
            raise LaunchError(
                f"rank {rank} was started as one of {size}, rank 0 as one of {world.size}; start all of them alike"
            )
        if rank in self._connections:
            raise LaunchError(
                f"rank {rank} has come twice to {world.address}:{world.port}; two runs need two MASTER_PORTs"
            )

    def _places(self) -> dict[int, dict[str, Any]]:
        """Return the fields of each rank's place."""
        addresses = self._addresses()
        hosts = _hosts(addresses, self._local_ranks)
        port = free_port(self._world.port)
        places = {}
        for rank, address in addresses.items():
            across = [one for one in hosts if self._local_ranks[one] == self._local_ranks[rank]]
            places[rank] = {
                **{"address": address, "master": addresses[0], "port": port, "host": hosts[rank]},
                **{"cross_rank": across.index(rank), "cross_size": len(across)},
            }
        return places

    def _addresses(self) -> dict[int, str]:
        """Return the address of each rank's host by which the others reach it, in the order of the ranks."""
        guests = {rank: self._connections[rank] for rank in sorted(self._connections) if rank != 0}
        peers = {rank: connection.getpeername()[0] for rank, connection in guests.items()}
        own = {rank: connection.getsockname()[0] for rank, connection in guests.items()}
        # This host has an address in each network: the others know the one at which they have come.
        remote = [rank for rank in guests if peers[rank] != own[rank] and not is_loopback(peers[rank])]
        master = own[remote[0]] if remote else socket.gethostbyname(self._world.address)
        return {rank: peers[rank] if rank in remote else master for rank in (0, *guests)}

    def _watch(self) -> None:
        """Tell all ranks if one ends without a word; return once rank 0, whose process this is, ends as it should."""
        with selectors.DefaultSelector() as selector:
            for rank, connection in self._connections.items():
                selector.register(connection, selectors.EVENT_READ, rank)
            while True:
                for key, _ in selector.select():
                    rank = key.data
                    if _receive(self._connections[rank]) != BYE:
                        self._tell({"ended": rank})
                        return
                    selector.unregister(key.fileobj)
                    with self._connections.pop(rank) as leaving:
                        if rank == 0:  # the others first, since this process ends with the answer
                            self._tell({"over": True})
                        _send(leaving, {"over": True})
                    if rank == 0:
                        return

    def _tell(self, message: Mapping[str, Any]) -> None:
        for rank in sorted(
            self._connections, reverse=True
        ):  # rank 0 last: it ends with the message, and this thread with it
            _send(self._connections[rank], message)


def _hosts(addresses: Mapping[int, str], local_ranks: Mapping[int, int]) -> dict[int, str]:
    """Return a name of each rank's host: its address, with a number where a local rank is there more than once.

    So do containers that share a host's address and count their own processes.
    """
    seen: dict[tuple[str, int], int] = {}
    names = {}
    for rank, address in addresses.items():
        number = seen.get((address, local_ranks[rank]), 0)
        seen[address, local_ranks[rank]] = number + 1
        names[rank] = f"{address}-{number}"
    return names


def _hello(connection: socket.socket) -> dict[str, int] | None:
    connection.settimeout(_HELLO_S)
    try:
        with connection.makefile("rb") as lines:
            hello = json.loads(lines.readline())
        return {name: int(hello[name]) for name in ("rank", "size", "local_rank")}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    try:
        connection.sendall(json.dumps(message).encode() + b"\n")
    except OSError:  # it has ended: its connection will say so, or nobody waits for an answer
        return


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(64)
    except OSError:  # its host is gone
        return b""
