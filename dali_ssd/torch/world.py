"""Which part of the records a process gets, as torch.distributed says."""

from __future__ import annotations

import os

from torch import distributed

from dali_ssd.errors import ConfigError
from dali_ssd.launch.world import announced_world
from dali_ssd.util.parallel import available_cores
from dali_ssd.util.words import counted

__all__ = ["process_of", "threads_of_process"]


def process_of(world_size: int | None, rank: int | None) -> tuple[int, int]:
    """Return the number of processes and which of them this is: as given, or else as torch.distributed has them.

    Raises ConfigError if one is given without the other, or if a launcher has started several processes, and
    torch.distributed does not know of them: each would train on all records.
    """
    if (world_size is None) != (rank is None):
        raise ConfigError(f"give both world_size and rank, or neither, not {world_size!r} and {rank!r}")
    if world_size is not None and rank is not None:
        return world_size, rank
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size(), distributed.get_rank()
    world = announced_world()
    if world is not None and world.size > 1:
        raise ConfigError(
            f"{world.launcher} announces {counted(world.size, 'process')}, and torch.distributed is not initialized; "
            "call torch.distributed.init_process_group() before the loader is made, or give world_size and rank"
        )
    return 1, 0


def threads_of_process() -> int:
    """Return the share of the cores that a process has for its threads, at least 1.

    Its launcher's, divided by the number of processes on this host; or those that it is bound to, if they are fewer.
    """
    try:
        world = announced_world()
    except ConfigError:  # variables that are enough for torch.distributed, and do not tell who shares this host
        world = None
    sharing = 1 if world is None else world.local_size
    launchers, own = (len(os.sched_getaffinity(process)) for process in (os.getppid(), 0))
    if own < launchers:
        return max(1, min(available_cores(), launchers // sharing))
    return max(1, available_cores() // sharing)
