"""Which part of the records a process gets, as JAX says."""

from __future__ import annotations

import jax

from dali_ssd.launch.world import process_of as launched_process

__all__ = ["process_of"]


def process_of(world_size: int | None, rank: int | None) -> tuple[int, int]:
    """Return the number of processes and which of them this is: as given, or else as jax.distributed has them.

    Raises ConfigError as `launch.world.process_of` does; JAX can then still join its processes, which it could not once
    a device was asked for.
    """
    own = (jax.process_count(), jax.process_index()) if jax.distributed.is_initialized() else None
    return launched_process(world_size, rank, own, "jax.distributed.initialize()")
