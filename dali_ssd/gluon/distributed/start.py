"""Start the engine that the options ask for, and find this process's device."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import mxnet as mx

from dali_ssd.errors import ConfigError
from dali_ssd.gluon.distributed.horovod import HorovodWorkers
from dali_ssd.gluon.distributed.kvstore import KVStoreWorkers
from dali_ssd.gluon.distributed.messages import gather
from dali_ssd.gluon.distributed.workers import OneWorker, Workers
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.launch.world import announced_world, require_world
from dali_ssd.util.words import counted

__all__ = ["own_device", "require_same_options", "start_workers"]

_OWN = ("train", "val", "classes", "num_workers", "gpus", "save_prefix", "resume")
"""Options that need not be the same in all processes."""


def start_workers(config: TrainConfig) -> Workers:
    """Return the processes that train.

    Raises ConfigError if a launcher has started more processes than the engine connects: each would train a network of
    its own, and write it into the same files.
    """
    if config.horovod:
        return HorovodWorkers()
    if config.many_processes:
        return KVStoreWorkers(config.kvstore)
    require_world(announced_world(), 1, "training without --horovod or --kvstore dist_sync")
    return OneWorker(config.kvstore)


def require_same_options(config: TrainConfig, workers: Workers) -> None:
    """Raise ConfigError in all processes if their options differ where they must not.

    Each would train a network of its own. Folders, and what a process does with its own cores, may differ. All
    processes must call it.
    """
    here = {name: value for name, value in asdict(config).items() if name not in _OWN} | {"val": bool(config.val)}
    told = [json.loads(text) for text in gather(workers, json.dumps(here).encode())]
    for rank, theirs in enumerate(told):
        differ = [name for name, value in told[0].items() if theirs[name] != value]
        if differ:
            name = differ[0]
            raise ConfigError(
                f"process {rank} has {name}={theirs[name]!r} and process 0 has {told[0][name]!r}: start all with the "
                "same options"
            )


def own_device(workers: Workers) -> Any:
    """Return the GPU of this process; the CPU if the machine has none. Raises ConfigError if there are too few."""
    gpus = mx.context.num_gpus()
    if not gpus:
        return mx.cpu()
    if workers.local_rank >= gpus:
        raise ConfigError(f"{workers.local_size} processes on a machine with {counted(gpus, 'GPU')}: start {gpus}")
    return mx.gpu(workers.local_rank)
