"""A process of `torchrun`: what it is told before it has joined the others, its part of an epoch, and a training.

    torchrun --standalone --nproc-per-node 2 torch_rank.py SHARD FOLDER

writes FOLDER/RANK.json.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.distributed import checkpoint
from torch.nn.parallel import DistributedDataParallel

from dali_ssd.errors import ConfigError
from tests.support.loaders import keys
from tests.support.tiny import TinyNet, steps
from tests.support.torch_loaders import boxes, encoded, val


def refusal(shard: str) -> str:
    """What a loader says before the processes have joined."""
    try:
        encoded(shard)
    except ConfigError as error:
        return str(error)
    return ""


def resumed(shard: str, folder: str) -> tuple[list[list[int]], list[list[int]]]:
    """The records of the rest of an epoch, and those of a loader that goes on from a distributed checkpoint."""
    name = f"loader {distributed.get_rank()}"
    with encoded(shard) as loader, encoded(shard) as other:
        batches = iter(loader)
        next(batches)
        checkpoint.save({name: loader}, checkpoint_id=f"{folder}/checkpoint")
        rest = [keys(batch.records()) for batch in batches]
        checkpoint.load({name: other}, checkpoint_id=f"{folder}/checkpoint")
        return rest, [keys(batch.records()) for batch in other]


def main(shard: str, folder: str) -> None:
    """Write what this process got."""
    found: dict[str, Any] = {"refusal": refusal(shard)}
    distributed.init_process_group("gloo")
    for name, make in (("encoded", encoded), ("boxes", boxes), ("val", val)):
        with make(shard, num_threads="auto") as loader:
            found[name] = [keys(batch.records()) for batch in loader]
            found["num_threads"] = loader.pipeline.num_threads
    found["saved"], found["resumed"] = resumed(shard, folder)
    torch.manual_seed(0)
    network = DistributedDataParallel(TinyNet())
    with encoded(shard) as loader:
        found["losses"] = steps(network, loader, epochs=1)
    found["weights"] = [float(weight.detach().double().sum()) for weight in network.parameters()]
    distributed.destroy_process_group()
    (Path(folder) / f"{os.environ['RANK']}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
