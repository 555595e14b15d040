"""The meeting of all processes of a run, at the address and port that the launcher has announced.

    rank 1 -- hello --> rank 0 <-- hello -- rank 2     each says which rank it is
    rank 1 <---- {} --- rank 0 --- {} ----> rank 2     and learns that it is at the right place
    rank 1 <-- place -- rank 0 -- place --> rank 2     once all are there, each learns where it and rank 0 are
    rank 1 ------------ rank 0 ------------ rank 2     the connections stay: one that breaks tells that a process ended

Engines have no such thing: with MXNet's key-value store, the processes wait for one that has died for ever.
"""

from __future__ import annotations

import json
import socket
import time
from threading import Thread
from typing import Any

from dali_ssd.errors import LaunchError
from dali_ssd.launch.peers import Connection, Peers, Place, keep_alive
from dali_ssd.launch.registry import Registry
from dali_ssd.launch.world import World

__all__ = ["WAIT_S", "meet"]

WAIT_S = 300.0
"""How long to wait for all processes, in seconds. Hosts of a cluster do not start programs at the same time."""
_LONGER_S = 5.0
"""What the others wait more than rank 0 until it is there; then they wait for what it says, as long as it runs."""
_RETRY_S = 0.1


def meet(world: World, wait_s: float = WAIT_S) -> Peers:
    """Wait until all processes of the world are there; return them, with this one's place among them.

    Raises LaunchError if the port is taken, or, in all of them, if a rank has not come after `wait_s` seconds or has
    come twice.
    """
    if world.rank == 0:
        listener = _listen(world)
        ours, own = socket.socketpair()
        Thread(target=Registry(world, own, listener, wait_s).run, daemon=True, name="meeting").start()
        connection = Connection(ours)
    else:
        connection = _connect(world, wait_s + _LONGER_S)
        hello = {name: getattr(world, name) for name in ("rank", "size", "local_rank")}
        connection.send(json.dumps(hello).encode() + b"\n")
    try:
        if world.rank:
            _answer(world, connection)
            connection.wait_for_ever()
        place = Place(**_answer(world, connection))
    except LaunchError:
        connection.close()
        raise
    return Peers(world.rank, place, connection)


def _listen(world: World) -> socket.socket:
    """Listen where the others come to: on all interfaces if there are other hosts, which may know this one by any."""
    address = world.address if world.local_size == world.size else ""
    try:
        return socket.create_server((address, world.port), backlog=world.size)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # Python adds the address
        raise LaunchError(
            f"rank 0 cannot listen at {world.address}:{world.port}: {reason}; if another run has this "
            "port, set another MASTER_PORT for all ranks, or --port of `dali-ssd launch`"
        ) from error


def _connect(world: World, wait_s: float) -> Connection:
    """Return a connection to rank 0, which may not be there yet."""
    end = time.monotonic() + wait_s
    while True:
        try:
            connection = socket.create_connection((world.address, world.port), timeout=10)
            connection.settimeout(max(_RETRY_S, end - time.monotonic()))
            keep_alive(connection)
            return Connection(connection)
        except OSError as error:
            if time.monotonic() > end:
                raise LaunchError(
                    f"rank {world.rank} finds no rank 0 at {world.address}:{world.port} after {wait_s:.0f} s: {error}; "
                    "is it running, and is MASTER_ADDR its host for all ranks?"
                ) from error
        time.sleep(_RETRY_S)


def _answer(world: World, connection: Connection) -> dict[str, Any]:
    """Return this process's place as rank 0 has sent it."""
    answer = connection.receive()
    if answer is None:
        raise LaunchError(
            f"what answers at {world.address}:{world.port} is not rank 0 of this run, or has ended; set another "
            "MASTER_PORT for all ranks, and see what rank 0 says"
        )
    if "error" in answer:
        raise LaunchError(answer["error"])
    return answer
