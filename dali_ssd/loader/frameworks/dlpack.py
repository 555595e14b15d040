"""Arrays over DALI's memory, for all that take DLPack, such as `torch.from_dlpack` and `jax.dlpack.from_dlpack`.

NumPy's on the host, and `GpuArray` on a GPU.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from dali_ssd.errors import ConfigError
from dali_ssd.loader.frameworks.base import Device
from dali_ssd.loader.frameworks.gpu_array import GpuArray
from dali_ssd.util.words import counted

__all__ = ["anchors", "array", "devices"]


def devices(ctx: Any) -> list[Device]:
    """Return the devices that `ctx`, "cpu", "gpu", "gpu:1" or a list of those, names; see `Framework`.

    "gpu" is the first that this process sees. "cpu" several times divides a batch into as many parts.
    """
    names = list(ctx) if isinstance(ctx, (list, tuple)) else ["cpu" if ctx is None else ctx]
    found = [re.fullmatch(r"(cpu)|gpu(?::(\d+))?", name) if isinstance(name, str) else None for name in names]
    kinds = {bool(one and one[1]) for one in found}
    if None in found or len(kinds) != 1:
        raise ConfigError(f"ctx must be 'cpu', 'gpu', 'gpu:1' or a list of those of one kind for DLPack, not {ctx!r}")
    if kinds == {True}:
        return [Device("cpu", number) for number in range(len(names))]
    numbers = [int(one[2] or 0) for one in found if one]
    count = _count_gpus()
    if max(numbers) >= count:
        raise ConfigError(f"ctx has gpu:{max(numbers)}, and DALI finds {counted(count, 'GPU')} here")
    return [Device("gpu", number) for number in numbers]


def array(tensors: Any, device: Device) -> Any:
    """Return a NumPy array, or a `GpuArray` of what is on a GPU; see `Framework`. The host's boxes stay there."""
    tensor = tensors.as_tensor()
    return GpuArray(tensor) if hasattr(tensor, "__cuda_array_interface__") else np.asarray(tensor)


def anchors(anchors: Any, data_shape: int) -> Any:
    """Return the anchors themselves; see `Framework`."""
    return anchors


def _count_gpus() -> int:
    """Return how many GPUs CUDA lets this process see; 0 without a driver."""
    from nvidia.dali import backend

    return int(backend.GetCUDADeviceCount())  # type: ignore[attr-defined]
