"""NumPy arrays over DALI's memory, for all that take DLPack, such as `torch.from_dlpack` and `jax.dlpack.from_dlpack`.

For the host only: nothing has been tried on a GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dali_ssd.errors import ConfigError
from dali_ssd.loader.frameworks.base import Device

__all__ = ["anchors", "array", "devices"]


def devices(ctx: Any) -> list[Device]:
    """Return as many parts of the host as `ctx`, "cpu" or a list of that, has; see `Framework`."""
    names = list(ctx) if isinstance(ctx, (list, tuple)) else ["cpu" if ctx is None else ctx]
    if not names or any(name != "cpu" for name in names):
        raise ConfigError(f"ctx must be 'cpu', or a list of that, for arrays by DLPack, not {ctx!r}")
    return [Device("cpu", number) for number in range(len(names))]


def array(tensors: Any, device: Device) -> Any:
    """Return a NumPy array; see `Framework`."""
    return np.asarray(tensors.as_tensor())


def anchors(anchors: Any, data_shape: int) -> Any:
    """Return the anchors themselves; see `Framework`."""
    return anchors
