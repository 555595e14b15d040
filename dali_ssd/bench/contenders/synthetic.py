"""One constant batch again and again, as if data cost nothing: this measures the loop around a loader."""

from __future__ import annotations

from collections.abc import Iterator

import mxnet as mx
import numpy as np
from numpy.typing import NDArray

from dali_ssd.bench.contenders.device import mxnet_context
from dali_ssd.bench.work import Work, WorkBatch

__all__ = ["batches"]


def batches(work: Work, anchors: NDArray[np.float32]) -> Iterator[WorkBatch]:
    """Yield the same batch forever: noise as data, and a few positive anchors per image for all losses."""
    rng = np.random.default_rng(work.seed)
    shape = (work.batch_size, len(anchors))
    cls_targets = (rng.random(shape) < 0.003).astype(np.float32)
    box_targets = rng.normal(size=(*shape, 4)).astype(np.float32) * cls_targets[..., None]
    data = rng.normal(size=(work.batch_size, 3, work.data_shape, work.data_shape)).astype(np.float32)
    ctx = mxnet_context(work)
    arrays = [[mx.nd.array(array, ctx=ctx, dtype="float32")] for array in (data, cls_targets, box_targets)]
    batch = WorkBatch(work.batch_size, *arrays)
    while True:
        yield batch
