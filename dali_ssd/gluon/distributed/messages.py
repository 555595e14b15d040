"""Bytes from every process to every process, by the one thing that all engines do: adding up numbers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import mxnet as mx
import numpy as np
from numpy.typing import NDArray

from dali_ssd.gluon.distributed.workers import Workers

__all__ = ["gather"]

_HALF = 20
"""Bits of a length that travel in one float32, which holds whole numbers of 24 bits."""


def gather(workers: Workers, message: bytes) -> list[bytes]:
    """Return the messages of all processes, by rank. All processes must call it.

    Each process adds its bytes, two to a float32, into a place where the others add zeros.
    """
    if workers.size == 1:
        return [message]
    lengths = np.zeros((workers.size, 2), np.float32)
    lengths[workers.rank] = divmod(len(message), 1 << _HALF)
    high, low = _sum(workers, lengths.ravel()).reshape(-1, 2).astype(np.int64).T
    sizes = (high << _HALF) + low
    edges = np.append(0, np.cumsum((sizes + 1) // 2))
    if not edges[-1]:
        return [b""] * workers.size
    numbers = np.zeros(edges[-1], np.float32)
    own = slice(edges[workers.rank], edges[workers.rank + 1])
    numbers[own] = np.frombuffer(message + b"\0" * (len(message) % 2), "<u2")
    return _split(_sum(workers, numbers), edges, sizes)


def _sum(workers: Workers, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    total: NDArray[np.float32] = workers.add(mx.nd.array(numbers)).asnumpy()
    return total


def _split(numbers: NDArray[np.float32], edges: NDArray[Any], sizes: NDArray[Any]) -> list[bytes]:
    parts = [numbers[begin:end].astype("<u2").tobytes() for begin, end in pairwise(edges)]
    return [part[:size] for part, size in zip(parts, sizes, strict=True)]
