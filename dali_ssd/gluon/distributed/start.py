"""Start the engine that the options ask for, and find this process's device."""

from __future__ import annotations

from typing import Any

import mxnet as mx

from dali_ssd.errors import ConfigError
from dali_ssd.gluon.distributed.horovod import HorovodWorkers
from dali_ssd.gluon.distributed.kvstore import KVStoreWorkers
from dali_ssd.gluon.distributed.workers import OneWorker, Workers
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.launch.world import announced_world, require_world
from dali_ssd.util.words import counted

__all__ = ["own_device", "start_workers"]


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


def own_device(workers: Workers) -> Any:
    """Return the GPU of this process; the CPU if the machine has none. Raises ConfigError if there are too few."""
    gpus = mx.context.num_gpus()
    if not gpus:
        return mx.cpu()
    if workers.local_rank >= gpus:
        raise ConfigError(f"{workers.local_size} processes on a machine with {counted(gpus, 'GPU')}: start {gpus}")
    return mx.gpu(workers.local_rank)
