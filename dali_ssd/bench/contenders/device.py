"""Where batches must end up, for the contenders that make them on the host."""

from __future__ import annotations

from typing import Any

import mxnet as mx

from dali_ssd.bench.work import Work, WorkBatch

__all__ = ["context", "to_device"]


def context(work: Work) -> mx.Context:
    """Return the MXNet context of the work's device."""
    return mx.gpu(0) if work.device == "gpu" else mx.cpu()


def to_device(work: Work, *arrays: Any) -> WorkBatch:
    """Make a batch of host arrays (data, cls_targets, box_targets), copied to the GPU if the work is there."""
    size = arrays[0].shape[0]
    if work.device == "gpu":
        arrays = tuple(array.as_in_context(context(work)) for array in arrays)
    return WorkBatch(size, *([array] for array in arrays))
