"""One of two processes of JAX: what it is told before it has joined the other, of the other's device, and its part.

    jax_rank.py SHARD PORT RANK

prints it as JSON. Of each image, its part has the sum, which tells the images of a shard apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dali_ssd.errors import ConfigError
from tests.support.jax_loaders import boxes, encoded, val
from tests.support.paths import ROOT
from tests.support.ports import own_port


def run_two(shard: Path) -> list[dict[str, Any]]:
    """Return what two processes print, which a launcher announces and which meet at a free port of this machine."""
    port, environ = str(own_port()), {**os.environ, "WORLD_SIZE": "2", "PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen(
            [sys.executable, __file__, str(shard), port, str(rank)],
            env={**environ, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        return [json.loads(process.communicate(timeout=120)[0]) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()


def refusal(shard: str, **options: Any) -> str:
    """Return what a loader says of options that it refuses."""
    try:
        val(shard, **options)
    except ConfigError as error:
        return str(error)
    return ""


def main(shard: str, port: str, rank: str) -> None:
    """Print what this process got."""
    found: dict[str, Any] = {"alone": refusal(shard)}
    jax.distributed.initialize(f"127.0.0.1:{port}", 2, int(rank))
    other = next(device for device in jax.devices() if device.process_index != int(rank))
    found["other's"] = refusal(shard, device=other)
    for name, make in (("encoded", encoded), ("boxes", boxes), ("val", val)):
        with make(shard) as loader:
            batches = list(loader)
        devices = {array.device for batch in batches for array in batch if array is not None}
        assert devices == {jax.local_devices()[0]}, devices
        found[name] = [np.asarray(batch.images, np.float64).sum((1, 2, 3)).tolist() for batch in batches]
    print(json.dumps(found))
    jax.distributed.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
