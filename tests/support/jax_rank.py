"""Two processes of JAX: what each is told before it has joined the other, of the other's device, and its part.

Of each image, its part has the sum, which tells the images of a shard apart.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dali_ssd.errors import ConfigError
from tests.support.jax_loaders import boxes, encoded, val
from tests.support.ports import own_port
from tests.support.processes import in_processes


def run_two(shard: Path) -> list[dict[str, Any]]:
    """Return what two processes got, which a launcher announces and which meet at a free port of this machine."""
    port = own_port()
    return in_processes("spawn", part_of, [(str(shard), port, rank) for rank in range(2)], limit=120)


def refusal(shard: str, **options: Any) -> str:
    """Return what a loader says of options that it refuses."""
    try:
        val(shard, **options)
    except ConfigError as error:
        return str(error)
    return ""


def part_of(shard: str, port: int, rank: int) -> dict[str, Any]:
    """Return what this process got."""
    os.environ.update({"WORLD_SIZE": "2", "RANK": str(rank)})
    found: dict[str, Any] = {"alone": refusal(shard)}
    jax.distributed.initialize(f"127.0.0.1:{port}", 2, rank)
    other = next(device for device in jax.devices() if device.process_index != rank)
    found["other's"] = refusal(shard, device=other)
    for name, make in (("encoded", encoded), ("boxes", boxes), ("val", val)):
        with make(shard) as loader:
            batches = list(loader)
        devices = {array.device for batch in batches for array in batch if array is not None}
        assert devices == {jax.local_devices()[0]}, devices
        found[name] = [np.asarray(batch.images, np.float64).sum((1, 2, 3)).tolist() for batch in batches]
    jax.distributed.shutdown()
    return found
