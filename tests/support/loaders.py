"""Loaders of small batches on one and two devices: MXNet's contexts if it is installed, and otherwise NumPy's host."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from dali_ssd import TrainLoader, ValLoader
from dali_ssd.errors import RecordLocation
from dali_ssd.loader.frameworks import FrameworkName
from tests.support.pipes import ANCHORS

COUNT = 10
"""Records of the usual shards."""
FRAMEWORK: FrameworkName = "mxnet" if find_spec("mxnet") else "dlpack"
USUAL: dict[str, Any] = {"batch_size": 4, "data_shape": 64, "num_threads": 2, "framework": FRAMEWORK}


def contexts(count: int) -> list[Any]:
    """So many devices, all of them the host."""
    if FRAMEWORK == "dlpack":
        return ["cpu"] * count
    mx = import_module("mxnet")
    return [mx.cpu(number) for number in range(count)]


ONE, TWO = contexts(1), contexts(2)


def train(shards: Any, **options: Any) -> TrainLoader:
    return TrainLoader(shards, **{"anchors": ANCHORS, **USUAL, **options})


def val(shards: Any, **options: Any) -> ValLoader:
    return ValLoader(shards, **{**USUAL, **options})


def keys(places: list[RecordLocation]) -> list[int]:
    return [place.key for place in places if place.key is not None]


def as_numpy(array: Any) -> npt.NDArray[Any]:
    """An array of any framework as NumPy's."""
    for name in ("asnumpy", "as_numpy"):
        if hasattr(array, name):
            return np.asarray(getattr(array, name)())
    return np.asarray(array)


def values(batch: Any) -> list[npt.NDArray[Any]]:
    return [as_numpy(array) for part in batch for array in part]


def same(first: Any, second: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(values(first), values(second), strict=True))
