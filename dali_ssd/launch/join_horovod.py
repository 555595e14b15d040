"""Let the Horovod of each process find the others, under any launcher.

A Horovod that was built with gloo alone reads its place from HOROVOD_* variables, which only `horovodrun` sets: under
others it takes each process for the only one, without a word.
"""

from __future__ import annotations

import os
from threading import Thread
from typing import Any

from dali_ssd.launch.meeting import WAIT_S, meet
from dali_ssd.launch.network import interface_of, require_public_name
from dali_ssd.launch.peers import Peers, Place
from dali_ssd.launch.world import MPI, World
from dali_ssd.util.optional import require

__all__ = ["join_horovod"]


def join_horovod(world: World, wait_s: float = WAIT_S) -> Peers:
    """Meet the other processes and set Horovod's variables, so that `horovod.mxnet.init()` finds them; return them.

    Does nothing if they are set already, as `horovodrun` does, or if MPI has started the processes and this Horovod was
    built with it. Raises LaunchError if a process does not come within `wait_s` seconds, or if this host's name is of
    no use to others; MissingDependencyError if Horovod is not installed.
    """
    if os.environ.get("HOROVOD_RANK") or (world.launcher in MPI and require("horovod.mxnet").mpi_built()):
        return Peers(world.rank)
    server = require("horovod.runner.http.http_server")
    if world.local_size < world.size:
        require_public_name()
    peers = meet(world, wait_s)
    if peers.place is not None:
        if world.rank == 0:
            _serve(server, peers.place)
        os.environ.update(_variables(world, peers.place))
    return peers


def _serve(module: Any, place: Place) -> None:
    """Start the server at which Horovod's processes exchange their addresses, as `horovodrun` does."""
    # With no plan of the hosts: each process removes what it has left there, rather than the last one everything.
    server = module.RendezvousHTTPServer((place.master, place.port), module.RendezvousHandler, 0)
    server.init([])
    Thread(target=server.serve_forever, daemon=True, name="rendezvous").start()


def _variables(world: World, place: Place) -> dict[str, str]:
    return {
        "HOROVOD_HOSTNAME": place.host,
        "HOROVOD_RANK": str(world.rank),
        "HOROVOD_SIZE": str(world.size),
        "HOROVOD_LOCAL_RANK": str(world.local_rank),
        "HOROVOD_LOCAL_SIZE": str(world.local_size),
        "HOROVOD_CROSS_RANK": str(place.cross_rank),
        "HOROVOD_CROSS_SIZE": str(place.cross_size),
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": place.master,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": str(place.port),
        "HOROVOD_GLOO_IFACE": interface_of(place.address),
        "HOROVOD_CONTROLLER": "gloo",
        "HOROVOD_CPU_OPERATIONS": "gloo",
    }
