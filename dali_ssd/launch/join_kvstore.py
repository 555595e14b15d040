"""Let MXNet's key-value store of each process find the others, and start the roles that it needs beside them.

Its processes have roles: the workers train, the servers add up what they push, and a scheduler brings them together.
Here each rank starts a server, and rank 0 the scheduler as well; they end with the rank that has started them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from threading import Thread

from dali_ssd.launch.meeting import WAIT_S, meet
from dali_ssd.launch.peers import Peers, Place
from dali_ssd.launch.world import World
from dali_ssd.util.processes import how_ended

__all__ = ["join_kvstore"]

_ROLE = "from dali_ssd.launch.kvstore_role import main; main()"
_POLL_S = 0.2


def join_kvstore(world: World, wait_s: float = WAIT_S) -> Peers:
    """Meet the other processes, set MXNet's variables and start its roles; return the other processes.

    From then on `mx.kv.create("dist_sync")` finds them. MXNet numbers them itself: `kv.rank` may be another number.
    If a role dies, this process ends with exit code 1: MXNet would wait for it for ever. Does nothing if DMLC_ROLE is
    set: then someone else has started the roles. Raises LaunchError if a process does not come within `wait_s` seconds.
    """
    if os.environ.get("DMLC_ROLE"):
        return Peers(world.rank)
    peers = meet(world, wait_s)
    if peers.place is not None:
        os.environ.update(_variables(world, peers.place))
        roles = ["scheduler", "server"] if world.rank == 0 else ["server"]
        started = {role: _start(role) for role in roles}
        Thread(target=_watch, args=(world.rank, started), daemon=True, name="roles").start()
        os.environ["DMLC_ROLE"] = "worker"
    return peers


def _variables(world: World, place: Place) -> dict[str, str]:
    return {
        "DMLC_PS_ROOT_URI": place.master,
        "DMLC_PS_ROOT_PORT": str(place.port),
        "DMLC_NUM_WORKER": str(world.size),
        "DMLC_NUM_SERVER": str(world.size),
        "DMLC_NODE_HOST": place.address,
    }


def _start(role: str) -> subprocess.Popen[bytes]:
    # In a session of its own, so that Ctrl-C at a terminal does not end it before the worker has saved.
    return subprocess.Popen(
        [sys.executable, "-c", _ROLE, str(os.getpid())],
        env={**os.environ, "DMLC_ROLE": role},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _watch(rank: int, started: dict[str, subprocess.Popen[bytes]]) -> None:
    """End this process if a role dies; return when they end as they should, which they do after the workers."""
    while started:
        for role, process in list(started.items()):
            code = process.poll()
            if code == 0:
                del started[role]
            elif code is not None:
                print(
                    f"dali-ssd: the key-value store's {role} of rank {rank} {how_ended(code)}, so rank {rank} ends too",
                    file=sys.stderr,
                    flush=True,
                )
                os._exit(1)  # the main thread waits inside MXNet, which nothing else ends
        time.sleep(_POLL_S)
