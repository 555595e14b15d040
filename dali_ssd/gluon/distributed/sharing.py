"""Give all devices of all processes what the first device of rank 0 has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mxnet as mx
import numpy as np

from dali_ssd.gluon.distributed.workers import Workers

__all__ = ["share", "share_running_means"]


def share_running_means(net: Any, workers: Workers) -> None:
    """Share the running means and variances of batch normalization, which each device keeps for itself.

    As PyTorch's DistributedDataParallel does with buffers. All processes then score with what rank 0 saves, so that
    scores do not depend on how images are dealt out. Training does not use them.
    """
    # Anchors are constants, the same everywhere.
    constant = mx.gluon.Constant
    running = [one for one in net.collect_params().values() if one.grad_req == "null" and not isinstance(one, constant)]
    if running and workers.size * len(running[0].list_ctx()) > 1:
        mx.nd.waitall()  # for the running means, see `checkpoint.state`
        share(running, workers)


def share(parameters: Sequence[Any], workers: Workers) -> None:
    """Share the values of parameters, by adding up rank 0's values and zeros."""
    own = np.concatenate([one.list_data()[0].asnumpy().ravel() for one in parameters])
    values = workers.add(mx.nd.array(own if workers.rank == 0 else np.zeros_like(own))).asnumpy()
    edges = np.cumsum([int(np.prod(one.shape)) for one in parameters])
    for one, part in zip(parameters, np.split(values, edges[:-1]), strict=True):
        one.set_data(mx.nd.array(part.reshape(one.shape)))
