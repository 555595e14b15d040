"""This package's TrainLoader, as a training run uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from dali_ssd.bench.contenders.device import context, framework
from dali_ssd.bench.work import Work, WorkBatch
from dali_ssd.loader import TrainLoader

__all__ = ["batches"]


def batches(work: Work, anchors: NDArray[np.float32]) -> Iterator[WorkBatch]:
    """Yield the batches of a TrainLoader, epoch after epoch."""
    with _threads_on_cores(work.threads):
        loader = TrainLoader(
            work.shards,
            anchors=anchors[None],
            batch_size=work.batch_size,
            data_shape=work.data_shape,
            ctx=[context(work)],
            seed=work.seed,
            num_threads=work.threads,
            framework=framework(work),
            plugin=work.plugin,
        )
    while True:
        for data, cls_targets, box_targets in loader:
            size = sum(part.shape[0] for part in data)
            yield WorkBatch(size, data, cls_targets, box_targets, placement=str(loader.placement))


@contextmanager
def _threads_on_cores(count: int) -> Iterator[None]:
    """Restrict threads started within to `count` cores: each pipeline has a thread, even if fewer are asked for."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
