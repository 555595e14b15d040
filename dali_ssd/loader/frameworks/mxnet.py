"""MXNet's NDArrays."""

from __future__ import annotations

import os
from typing import Any

from dali_ssd.errors import ConfigError, MissingDependencyError
from dali_ssd.loader.frameworks.base import Device
from dali_ssd.util.optional import require
from dali_ssd.util.words import counted

__all__ = ["anchors", "array", "devices"]


def devices(ctx: Any) -> list[Device]:
    """Return the devices of an `mx.Context`, or of a list of them; see `Framework`."""
    try:
        mx = require("mxnet")
    except MissingDependencyError as error:  # the caller may not have asked for MXNet: it is the default
        text = f"{error}; or give framework='dlpack' for NumPy's arrays"
        raise MissingDependencyError(text, name=error.name) from error
    contexts = list(ctx) if isinstance(ctx, (list, tuple)) else [mx.cpu() if ctx is None else ctx]
    kinds = {context.device_type if isinstance(context, mx.Context) else None for context in contexts}
    if len(kinds) != 1 or None in kinds:
        raise ConfigError(f"ctx must be an mx.Context, or a list of them of one kind, not {ctx!r}")
    missing = [context for context in contexts if "gpu" in kinds and context.device_id >= mx.context.num_gpus()]
    if missing:
        raise ConfigError(f"ctx has {missing[0]}, and MXNet finds {counted(mx.context.num_gpus(), 'GPU')} here")
    if "gpu" in kinds:
        _require_engine_that_waits()
    return [Device("gpu" if "gpu" in kinds else "cpu", int(context.device_id), context) for context in contexts]


def array(tensors: Any, device: Device) -> Any:
    """Return an `mx.nd.NDArray`; see `Framework`.

    MXNet regards all memory of the host as `cpu(0)`'s, so for any other CPU context the tensors are copied once, as by
    `split_and_load`. DALI has waited for its stream when it returns an output, so an array on a GPU is complete.
    """
    mx = require("mxnet")
    return mx.nd.from_dlpack(tensors.as_tensor().__dlpack__()).as_in_context(device.handle)


def anchors(anchors: Any, data_shape: int) -> Any:
    """Return the anchors themselves, or those that a network returns in train mode; see `Framework`."""
    if not hasattr(anchors, "collect_params"):
        return anchors
    mx = require("mxnet")
    ctx = next(iter(anchors.collect_params().values())).list_ctx()[0]
    with mx.autograd.train_mode():
        return anchors(mx.nd.zeros((1, 3, data_shape, data_shape), ctx=ctx))[2]


def _require_engine_that_waits() -> None:
    """Raise ConfigError for an engine that is done with an array when its kernel is launched, not when it has run.

    MXNet then gives the array's memory back to DALI, which may write the next batch into it while the kernel reads.
    """
    engine = os.environ.get("MXNET_ENGINE_TYPE", "")
    if engine.endswith("Async"):
        raise ConfigError(
            f"MXNET_ENGINE_TYPE={engine} gives DALI its memory back before a GPU has read it; unset it, or leave Async "
            "out of the name"
        )
