"""Which part of the records a process gets, as torch.distributed says."""

from __future__ import annotations

from torch import distributed

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

    torchrun lets all processes of a host run on all cores, so these are divided. Other launchers bind each to its own.
    """
    world = announced_world()
    sharing = world.local_size if world is not None and world.by_torchrun else 1
    return max(1, available_cores() // sharing)
