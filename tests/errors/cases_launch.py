"""Processes that train together."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.launch.meeting import meet
from dali_ssd.launch.network import free_port, interface_of, require_public_name
from dali_ssd.launch.start.options import LaunchConfig
from dali_ssd.launch.start.run import launch
from dali_ssd.launch.world import World, announced_world, require_world
from tests.errors.cases import Case
from tests.support.ports import own_port

TWO = {
    **{"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"},
    **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"},
}
SLURM = {
    **{"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "0", "SLURM_STEP_ID": "0"},
    **{"SLURM_NODEID": "2", "SLURM_STEP_TASKS_PER_NODE": "1,1"},
}


def world(rank: int, size: int, port: int) -> World:
    return World("a test", rank, size, rank, size, "127.0.0.1", port)


def announced(environ: dict[str, str], **changes: str) -> Case:
    return lambda *_: announced_world(environ | changes)


def port_taken(*_: object) -> object:
    with socket.create_server(("127.0.0.1", 0)) as other:
        return meet(world(0, 2, other.getsockname()[1]))


def another_program(*_: object) -> object:
    with socket.create_server(("127.0.0.1", 0)) as other, ThreadPoolExecutor() as pool:
        met = pool.submit(meet, world(1, 2, other.getsockname()[1]), 10)
        connection, _ = other.accept()
        connection.close()
        return met.result(20)


def guest(**hello: int) -> Case:
    """Rank 0, to which another process comes and says this."""

    def case(_: Path, __: Any) -> object:
        port = own_port()
        with ThreadPoolExecutor() as pool:
            met = pool.submit(meet, world(0, 2, port), 10)
            while True:
                try:
                    connection = socket.create_connection(("127.0.0.1", port))
                    break
                except OSError:
                    continue
            with connection:
                connection.sendall(json.dumps(hello).encode() + b"\n")
                return met.result(20)

    return case


def name_of_the_loopback(_: object, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(socket, "gethostname", lambda: "localhost")
    require_public_name()


def start(given: str = "train", **options: Any) -> Case:
    return lambda *_: launch(LaunchConfig(**options), given.split())


CASES: dict[str, Case] = {
    "say how many processes to start": start(),
    "which has {total}": start(processes=2, hosts="a:1"),
    "is no host with its number": start(hosts="a:b"),
    "is there twice; give {count}": start(hosts="a:1,a:1"),
    "give the first host the name": start(hosts="localhost:1,a:1"),
    "say what to run": start("", processes=1),
    "launch starts `train`": start("eval", processes=1),
    "--restart resumes from": start("train --resume a.ckpt", processes=1, restart=1),
    "in the command: give one of the two": start("train --horovod", processes=1, engine="kvstore"),
    "a launcher has set others of its kind": announced(TWO, MASTER_ADDR=""),
    "the environment variable {name} must be a whole number": announced(TWO, LOCAL_RANK="first"),
    "MASTER_PORT must be from 1 to 65535": announced(TWO, MASTER_PORT="65536"),
    "which cannot be: ranks count from 0": announced(TWO, RANK="2"),
    "on several hosts and does not say where": announced(
        {"PMI_RANK": "0", "PMI_SIZE": "2", "MPI_LOCALRANKID": "0", "MPI_LOCALNRANKS": "1"}
    ),
    "Slurm announces node": announced(SLURM),
    "so each would train a model of its own": lambda *_: require_world(world(0, 2, 1), 1, "training without an engine"),
    "rank 0 cannot listen at": port_taken,
    "finds no rank 0 at": lambda *_: meet(world(1, 2, own_port()), -4.9),
    "is not rank 0 of this run": another_program,
    "did not come in": lambda *_: meet(world(0, 2, own_port()), 0.1),
    "was started as one of": guest(rank=1, size=3, local_rank=1),
    "has come twice to": guest(rank=0, size=2, local_rank=0),
    "no port above": lambda *_: free_port(65_535),
    "Horovod tells other hosts the address": name_of_the_loopback,
    "no network interface of this host": lambda *_: interface_of("203.0.113.77"),
}
