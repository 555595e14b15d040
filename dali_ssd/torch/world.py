"""Which part of the records a process gets, as torch.distributed says."""

from __future__ import annotations

from torch import distributed

from dali_ssd.launch.world import process_of as launched_process

__all__ = ["process_of"]


def process_of(world_size: int | None, rank: int | None) -> tuple[int, int]:
    """Return the number of processes and which of them this is: as given, or else as torch.distributed has them.

    Raises ConfigError as `launch.world.process_of` does.
    """
    joined = distributed.is_available() and distributed.is_initialized()
    own = (distributed.get_world_size(), distributed.get_rank()) if joined else None
    return launched_process(world_size, rank, own, "torch.distributed.init_process_group()")
