"""Loaders of small batches on one and two CPU contexts, and what is in their batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dali_ssd import TrainLoader, ValLoader
from dali_ssd.errors import RecordLocation
from tests.support.pipes import ANCHORS

COUNT = 10
"""Records of the usual shards."""


def train(shards: Any, **options: Any) -> TrainLoader:
    return TrainLoader(shards, **{"anchors": ANCHORS, "batch_size": 4, "data_shape": 64, "num_threads": 2, **options})


def val(shards: Any, **options: Any) -> ValLoader:
    return ValLoader(shards, **{"batch_size": 4, "data_shape": 64, "num_threads": 2, **options})


def keys(places: list[RecordLocation]) -> list[int]:
    return [place.key for place in places if place.key is not None]


def values(batch: Any) -> list[npt.NDArray[Any]]:
    return [array.asnumpy() for part in batch for array in part]


def same(first: Any, second: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(values(first), values(second), strict=True))
