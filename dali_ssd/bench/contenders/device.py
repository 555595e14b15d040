"""The framework and device of batches: MXNet's arrays, or NumPy's on the host if MXNet is not installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal

from dali_ssd.bench.work import Work, WorkBatch
from dali_ssd.loader.frameworks import FrameworkName
from dali_ssd.util.optional import require

__all__ = ["best_device", "context", "framework", "to_device"]


def framework() -> FrameworkName:
    """Return the framework of contenders that can do without MXNet; the work is the same for both."""
    return "mxnet" if find_spec("mxnet") else "dlpack"


def best_device() -> Literal["cpu", "gpu"]:
    """Return `gpu` if MXNet can use one, else `cpu`."""
    return "gpu" if framework() == "mxnet" and require("mxnet").context.num_gpus() else "cpu"


def context(work: Work) -> Any:
    """Return the work's device as `framework()` calls it."""
    if framework() == "dlpack" and work.device == "cpu":
        return "cpu"
    mx = require("mxnet")
    return mx.gpu(0) if work.device == "gpu" else mx.cpu()


def to_device(work: Work, *arrays: Any) -> WorkBatch:
    """Make a batch of MXNet's host arrays (data, cls_targets, box_targets), copied to the GPU if the work is there."""
    size = arrays[0].shape[0]
    if work.device == "gpu":
        arrays = tuple(array.as_in_context(context(work)) for array in arrays)
    return WorkBatch(size, *([array] for array in arrays))
