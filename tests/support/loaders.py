"""What loaders are tested with: MXNet if it is installed, and NumPy's arrays otherwise."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy.typing as npt

from dali_ssd.loader.frameworks import FrameworkName

__all__ = ["FRAMEWORK", "as_numpy", "contexts"]

FRAMEWORK: FrameworkName = "mxnet" if find_spec("mxnet") else "dlpack"


def contexts(count: int) -> list[Any]:
    """So many devices, all of them the host."""
    if FRAMEWORK == "dlpack":
        return ["cpu"] * count
    mx = import_module("mxnet")
    return [mx.cpu(number) for number in range(count)]


def as_numpy(array: Any) -> npt.NDArray[Any]:
    """An array of a batch as NumPy's."""
    found: npt.NDArray[Any] = array.asnumpy() if FRAMEWORK == "mxnet" else array
    return found
