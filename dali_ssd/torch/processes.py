"""The processes of a training with PyTorch: how they meet, under any launcher, and which GPU each has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed

from dali_ssd.errors import DaliSsdError, LaunchError
from dali_ssd.launch.world import announced_world
from dali_ssd.torch.tensors import Device, checked_device
from dali_ssd.util.words import first_line

__all__ = ["from_rank_0", "gathered", "joined_processes"]

T = TypeVar("T")

_ENOUGH = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Variables from which PyTorch itself knows where to meet."""
_OF_A_HOST = ("LOCAL_RANK", "LOCAL_WORLD_SIZE")


@contextmanager
def joined_processes(device: Device = "auto", timeout: timedelta = timedelta(minutes=5)) -> Iterator[torch.device]:
    """Meet the processes that a launcher has started, until the end; yield the device of this one.

    Within, `torch.distributed` is initialized, by NCCL on GPUs and by gloo on CPUs; without a launcher, for this
    process alone. Launchers are those of `dali-ssd launch`: torchrun, Open MPI, MPICH, Intel MPI and Slurm's steps;
    RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT set by hand will do as well.

    Args:
        device: `"cuda"`: a GPU for each process of a host, by its local rank, or the only one that it sees; `"auto"`:
            the same if there is a GPU, else the CPU; others as they are. A GPU becomes PyTorch's current one.
        timeout: how long to wait for the others, when they meet and in any collective.

    Raises:
        ConfigError: a launcher's variables cannot be, or there is no GPU for this process.
        LaunchError: the processes do not meet.
    """
    meeting, local_rank = _meeting()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":  # where a launcher shows each process its own GPU alone, that is the first one for all
        device = f"cuda:{local_rank if torch.cuda.device_count() > 1 else 0}"
    own = checked_device(device)
    cuda = own.type == "cuda"
    if cuda:
        torch.cuda.set_device(own)
    try:
        distributed.init_process_group("nccl" if cuda else "gloo", timeout=timeout, **meeting)
    except RuntimeError as error:  # as PyTorch's own errors of networks are, and gloo's
        raise LaunchError(
            f"the processes have not met within {timeout.total_seconds():.0f} s: {first_line(error)}; are all of them "
            "running, and are MASTER_ADDR and MASTER_PORT the same for all?"
        ) from error
    try:
        yield own
    finally:
        distributed.destroy_process_group()


def gathered(own: T) -> list[T]:
    """Return the values of all processes, by rank; they travel as pickles."""
    values: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, own)
    return values


def from_rank_0(function: Callable[[], T]) -> T:
    """Return in all processes what a function returns in that of rank 0, or raise its DaliSsdError in all of them."""
    result: list[Any] = [None]
    if distributed.get_rank() == 0:
        try:
            result = [function()]
        except DaliSsdError as error:
            result = [error]
    distributed.broadcast_object_list(result)
    found: T | DaliSsdError = result[0]
    if isinstance(found, DaliSsdError):
        raise found
    return found


def _meeting() -> tuple[dict[str, Any], int]:
    """Return arguments of `init_process_group`, and the number of this process among those of its host."""
    by_variables = all(os.environ.get(name) for name in _ENOUGH)
    if by_variables and not any(os.environ.get(name) for name in _OF_A_HOST):
        return {"init_method": "env://"}, 0
    world = announced_world()
    if world is None:
        return {"store": distributed.HashStore(), "rank": 0, "world_size": 1}, 0
    # torchrun itself may listen at its port, which PyTorch knows.
    method = "env://" if by_variables else f"tcp://{world.address}:{world.port}"
    return {"init_method": method, "rank": world.rank, "world_size": world.size}, world.local_rank
