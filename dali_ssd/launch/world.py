"""Read from a launcher's environment variables which processes there are, and which of them this one is.

Each launcher has its own names. torchrun's come first, since `dali-ssd launch` sets them as well, and anyone can set
them by hand on top of another launcher's.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dali_ssd.errors import ConfigError
from dali_ssd.util.words import counted

__all__ = ["MPI", "PORTS", "World", "announced_size", "announced_world", "process_of", "require_world"]

_TORCHRUN, _OPEN_MPI, _HYDRA = "torchrun's environment", "Open MPI", "MPICH or Intel MPI"
_SLURM, _HOROVODRUN = "Slurm", "horovodrun"
MPI = (_OPEN_MPI, _HYDRA)
"""The launchers by which a Horovod that was built with MPI finds its processes by itself."""
PORTS = (20_000, 32_000)
"""Where a port is chosen, if the launcher names none: below those that Linux gives to outgoing connections."""
_HERE = "127.0.0.1"
_SLURM_SIZE = ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")


@dataclass(frozen=True)
class World:
    """The processes that a launcher has started, as one of them sees them."""

    launcher: str
    """What announced it, for messages: `torchrun's environment`, `Open MPI`."""
    rank: int
    """Number of this process, from 0."""
    size: int
    """Number of processes."""
    local_rank: int
    """Number of this process among those of its host, from 0."""
    local_size: int
    """Number of processes on this host."""
    address: str
    """Name or address of the host of rank 0, where the processes meet."""
    port: int
    """Port at which they meet."""


def announced_world(environ: Mapping[str, str] | None = None) -> World | None:
    """Return what a launcher's variables announce; None if no launcher has started this process.

    Reads those of torchrun (and `dali-ssd launch`), Open MPI, MPICH and Intel MPI, Slurm's steps, and horovodrun.
    MASTER_ADDR and MASTER_PORT say where the processes meet if the launcher does not. Raises ConfigError if a variable
    is missing or no number, or if several hosts have no MASTER_ADDR.
    """
    variables = _Variables(os.environ if environ is None else environ)
    found = _launcher_of(variables)
    return None if found is None else found.read(variables)


def announced_size(environ: Mapping[str, str] | None = None) -> tuple[str, int] | None:
    """Return what announces processes, and how many; None if no launcher has started this process.

    Unlike `announced_world` it needs nothing that only matters if processes are to meet, such as LOCAL_RANK. Raises
    ConfigError if the number is missing or none.
    """
    variables = _Variables(os.environ if environ is None else environ)
    found = _launcher_of(variables)
    return None if found is None else (found.name, variables.number(*found.size))


def process_of(world_size: int | None, rank: int | None, own: tuple[int, int] | None, join: str) -> tuple[int, int]:
    """Return the number of processes and which of them this is: as given, or else as a framework has them.

    Args:
        world_size, rank: as given; None if they are not.
        own: the same as the framework has them; None if its processes have not joined each other.
        join: what joins them, such as `torch.distributed.init_process_group()`.

    Raises:
        ConfigError: one is given without the other; or a launcher has started several processes, and the framework does
            not know of them, so that each would train on all records.
    """
    if (world_size is None) != (rank is None):
        raise ConfigError(f"give both world_size and rank, or neither, not {world_size!r} and {rank!r}")
    if world_size is not None and rank is not None:
        return world_size, rank
    if own is not None:
        return own
    launcher, size = announced_size() or ("", 1)
    if size > 1:
        raise ConfigError(
            f"{launcher} announces {counted(size, 'process')}, and {join.rpartition('.')[0]} is not initialized; call "
            f"{join} before the loader is made, or give world_size and rank"
        )
    return 1, 0


def require_world(world: World | None, size: int, engine: str) -> None:
    """Raise ConfigError if a launcher announces more processes than the `size` that `engine` sees.

    Each of them would train a model of its own, and write it to the same files.
    """
    if world is not None and world.size > size:
        raise ConfigError(
            f"{world.launcher} announces {counted(world.size, 'process')}, but {engine} sees {size}, so each would "
            "train a model of its own; give --horovod or --kvstore dist_sync, or start one process"
        )


class _Variables:
    """Environment variables, which are numbers where they should be."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def text(self, *names: str, default: str | None = None) -> str:
        """Return the first of these that is set."""
        for name in names:
            if self.names.get(name):
                return self.names[name]
        if default is None:
            raise ConfigError(f"the environment variable {names[0]} is missing: a launcher has set others of its kind")
        return default

    def number(self, *names: str) -> int:
        text = self.text(*names)
        if not re.fullmatch(r"\d+", text):
            raise ConfigError(f"the environment variable {names[0]} must be a whole number, not {text!r}")
        return int(text)

    def port(self) -> int:
        """Return MASTER_PORT."""
        port = self.number("MASTER_PORT")
        if not 1 <= port < 2**16:
            raise ConfigError(f"the environment variable MASTER_PORT must be from 1 to 65535, not {port}")
        return port

    def world(self, launcher: str, numbers: tuple[int, int, int, int], address: str, job: str) -> World:
        """Return a world that meets where MASTER_ADDR and MASTER_PORT say, or else at an address and a job's port."""
        rank, size, local_rank, local_size = numbers
        if not (rank < size and local_rank < local_size <= size):
            raise ConfigError(
                f"{launcher} announces rank {rank} of {size} and local rank {local_rank} of {local_size}, which cannot "
                "be: ranks count from 0, and those of a host are among all; see what sets these variables"
            )
        address = self.text("MASTER_ADDR", default=_HERE if local_size == size else address)
        if not address:
            raise ConfigError(
                f"{launcher} announces {counted(size, 'process')} on several hosts and does not say where they meet; "
                "set MASTER_ADDR to the host of rank 0 for all of them"
            )
        port = self.port() if self.names.get("MASTER_PORT") else _port_of(job)
        return World(launcher, rank, size, local_rank, local_size, address, port)


def _torchrun(given: _Variables) -> World:
    numbers = tuple(given.number(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"))
    address, port = given.text("MASTER_ADDR"), given.port()
    if given.names.get("TORCHELASTIC_USE_AGENT_STORE") == "True":  # at its port, torchrun itself listens
        port = _port_of(f"torchrun {port}")
    world = given.world("torchrun's environment", numbers, address, "")  # type: ignore[arg-type]
    return World(**{**vars(world), "port": port})


def _open_mpi(given: _Variables) -> World:
    names = ("RANK", "SIZE", "LOCAL_RANK", "LOCAL_SIZE")
    rank, size, local_rank, local_size = (given.number(f"OMPI_COMM_WORLD_{name}") for name in names)
    job = given.text("PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid", default="")
    return given.world(_OPEN_MPI, (rank, size, local_rank, local_size), "", job)


def _hydra(given: _Variables) -> World:
    names = ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS")
    rank, size, local_rank, local_size = (given.number(name) for name in names)
    return given.world(_HYDRA, (rank, size, local_rank, local_size), "", given.text("PMI_ID", default=""))


def _slurm(given: _Variables) -> World:
    rank, local_rank = given.number("SLURM_PROCID"), given.number("SLURM_LOCALID")
    size = given.number(*_SLURM_SIZE)
    local_size = _tasks_of_node(given)
    address = _first_host(given.text("SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", default=""))
    job = "Slurm {} {}".format(given.text("SLURM_JOB_ID", default=""), given.text("SLURM_STEP_ID", "SLURM_STEPID"))
    return given.world(_SLURM, (rank, size, local_rank, local_size), address, job)


def _horovodrun(given: _Variables) -> World:
    names = ("RANK", "SIZE", "LOCAL_RANK", "LOCAL_SIZE")
    rank, size, local_rank, local_size = (given.number(f"HOROVOD_{name}") for name in names)
    address = given.text("HOROVOD_GLOO_RENDEZVOUS_ADDR", default="")
    job = f"horovodrun {given.text('HOROVOD_GLOO_RENDEZVOUS_PORT', default='')}"  # where horovodrun itself listens
    return given.world(_HOROVODRUN, (rank, size, local_rank, local_size), address, job)


def _has(*names: str) -> Callable[[Mapping[str, str]], bool]:
    return lambda environ: all(environ.get(name) for name in names)


def _in_slurm_step(environ: Mapping[str, str]) -> bool:
    # In a batch script itself the variables of the tasks are there as well, with the number of all that may be started.
    return _has("SLURM_PROCID", "SLURM_STEP_ID")(environ) or _has("SLURM_PROCID", "SLURM_STEPID")(environ)


class _Launcher(NamedTuple):
    name: str
    has: Callable[[Mapping[str, str]], bool]
    """Whether it has set these variables."""
    size: tuple[str, ...]
    """Variables with the number of processes; the first that is set counts."""
    read: Callable[[_Variables], World]


_LAUNCHERS = [
    _Launcher(_TORCHRUN, _has("RANK", "WORLD_SIZE"), ("WORLD_SIZE",), _torchrun),
    _Launcher(_OPEN_MPI, _has("OMPI_COMM_WORLD_SIZE"), ("OMPI_COMM_WORLD_SIZE",), _open_mpi),
    # Before Slurm, by which Hydra may start its own agents.
    _Launcher(_HYDRA, _has("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"), ("PMI_SIZE",), _hydra),
    _Launcher(_SLURM, _in_slurm_step, _SLURM_SIZE, _slurm),
    _Launcher(_HOROVODRUN, _has("HOROVOD_RANK", "HOROVOD_SIZE"), ("HOROVOD_SIZE",), _horovodrun),
]
"""How each launcher is recognized and read. One that was started by another comes first."""


def _launcher_of(given: _Variables) -> _Launcher | None:
    return next((launcher for launcher in _LAUNCHERS if launcher.has(given.names)), None)


def _first_host(nodes: str) -> str:
    """Return the first name of Slurm's list of nodes: `node1` of `node1,node4`, `node03` of `node[03-08,11]`."""
    found = re.match(r"([^\[,]*)(?:\[(\d+)[^\]]*\]([^\[,]*))?", nodes)
    return "".join(part or "" for part in found.groups()) if found else ""


def _tasks_of_node(given: _Variables) -> int:
    """Return the number of tasks on this node, from Slurm's list such as `4(x2),3`: 4 on two nodes, 3 on the third."""
    text = given.text("SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE")
    groups = re.findall(r"(\d+)(?:\(x(\d+)\))?", text)
    counts = [int(count) for count, times in groups for _ in range(int(times or 1))]
    node = given.number("SLURM_NODEID") if len(counts) > 1 else 0
    if node >= len(counts):
        raise ConfigError(f"Slurm announces node {node}, which its {text!r} tasks per node do not have")
    return counts[node]


def _port_of(job: str) -> int:
    """Return a port that all processes of a job come to, and other jobs hardly."""
    low, high = PORTS
    return low + zlib.crc32(job.encode()) % (high - low)
