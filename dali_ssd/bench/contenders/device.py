"""The framework and device of batches: MXNet's arrays if it can use the device, else arrays over DALI's memory."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from dali_ssd.bench.work import Work, WorkBatch
from dali_ssd.errors import ConfigError
from dali_ssd.loader.frameworks import FrameworkName
from dali_ssd.util.optional import require

__all__ = ["context", "framework", "mxnet_context", "to_device"]


def framework(work: Work) -> FrameworkName:
    """Return the framework of contenders that can do without MXNet; the work is the same for both.

    MXNet may be there and not for the GPU: it is none of Hopper's, and its usual wheel is for the CPU.
    """
    usable = find_spec("mxnet") and (work.device == "cpu" or require("mxnet").context.num_gpus())
    return "mxnet" if usable else "dlpack"


def context(work: Work) -> Any:
    """Return the work's device as `framework()` calls it."""
    return work.device if framework(work) == "dlpack" else mxnet_context(work)


def mxnet_context(work: Work) -> Any:
    """Return the work's device for contenders that need MXNet. Raises ConfigError if MXNet cannot use a GPU."""
    mx = require("mxnet")
    if work.device == "gpu" and not mx.context.num_gpus():
        raise ConfigError(
            "MXNet can use no GPU here; those up to Ada need mxnet-cu112 or mxnet-cu117, or NVIDIA's image"
        )
    return mx.gpu(0) if work.device == "gpu" else mx.cpu()


def to_device(work: Work, *arrays: Any) -> WorkBatch:
    """Make a batch of MXNet's host arrays (data, cls_targets, box_targets), copied to the GPU if the work is there."""
    size = arrays[0].shape[0]
    if work.device == "gpu":
        arrays = tuple(array.as_in_context(mxnet_context(work)) for array in arrays)
    return WorkBatch(size, *([array] for array in arrays))
