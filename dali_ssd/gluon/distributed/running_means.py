"""The running means of batch normalization, which each device keeps for itself, made the same everywhere."""

from __future__ import annotations

from typing import Any

import mxnet as mx
import numpy as np

from dali_ssd.gluon.distributed.workers import Workers

__all__ = ["share_running_means"]


def share_running_means(net: Any, workers: Workers) -> None:
    """Give all devices of all processes the running means and variances of rank 0's first device.

    As PyTorch's DistributedDataParallel does with buffers. All processes then score with what rank 0 saves, so that
    scores do not depend on how images are dealt out. Training does not use them.
    """
    shared = [one for one in net.collect_params().values() if _is_running(one)]
    if not shared or workers.size * len(shared[0].list_ctx()) == 1:
        return
    mx.nd.waitall()  # for the running means, see `checkpoint.state`
    own = np.concatenate([one.list_data()[0].asnumpy().ravel() for one in shared])
    values = workers.add(mx.nd.array(own if workers.rank == 0 else np.zeros_like(own))).asnumpy()
    edges = np.cumsum([np.prod(one.shape) for one in shared])
    for one, part in zip(shared, np.split(values, edges[:-1]), strict=True):
        one.set_data(mx.nd.array(part.reshape(one.shape)))


def _is_running(parameter: Any) -> bool:
    # Anchors are constants, the same everywhere.
    return parameter.grad_req == "null" and not isinstance(parameter, mx.gluon.Constant)
