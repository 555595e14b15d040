"""Which part of the records a process gets, as torch.distributed says."""

from __future__ import annotations

import os

from torch import distributed

from dali_ssd.errors import ConfigError
from dali_ssd.launch.world import announced_world
from dali_ssd.launch.world import process_of as launched_process
from dali_ssd.util.parallel import available_cores

__all__ = ["process_of", "threads_of_process"]


def process_of(world_size: int | None, rank: int | None) -> tuple[int, int]:
    """Return the number of processes and which of them this is: as given, or else as torch.distributed has them.

    Raises ConfigError as `launch.world.process_of` does.
    """
    joined = distributed.is_available() and distributed.is_initialized()
    own = (distributed.get_world_size(), distributed.get_rank()) if joined else None
    return launched_process(world_size, rank, own, "torch.distributed.init_process_group()")


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
