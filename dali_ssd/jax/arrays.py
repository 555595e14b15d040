"""How a loader's arrays become JAX's."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import ConfigError
from dali_ssd.jax.batch import BoxBatch, EncodedBatch
from dali_ssd.loader import batch as batches

__all__ = ["device_name", "training_batch", "validation_batch"]


def device_name(device: jax.Device) -> str:
    """Return a device as loaders for DLPack call it. Raises ConfigError if DALI cannot use it."""
    platform = getattr(device, "platform", None)
    if platform not in ("cpu", "gpu"):
        raise ConfigError(f"device must be a jax.Device, the CPU or an NVIDIA GPU, not {device!r}")
    return "cpu" if platform == "cpu" else f"gpu:{device.local_hardware_id}"


def training_batch(batch: Any, device: jax.Device) -> EncodedBatch | BoxBatch:
    """Return the batch of a loader for DLPack as JAX's arrays on `device`."""
    images = _array(batch.data[0], device)
    if isinstance(batch, batches.BoxBatch):
        return _with_boxes(images, batch.labels[0], device)
    classes, boxes = _array(batch.cls_targets[0], device), _array(batch.box_targets[0], device)
    return EncodedBatch(images, classes.astype(jnp.int32), boxes)


def validation_batch(batch: batches.ValBatch, shape: tuple[int, ...], dtype: str, device: jax.Device) -> BoxBatch:
    """Likewise. With several processes, the last batch may be empty: no images of this shape and dtype."""
    if not batch.data:
        return _with_boxes(jnp.zeros((0, *shape), dtype, device=device), np.zeros((0, 1, 6), np.float32), device)
    return _with_boxes(_array(batch.data[0], device), batch.labels[0], device)


def _array(array: Any, device: jax.Device) -> jax.Array:
    """Return JAX's array over the memory of another; on the host a copy if it does not begin where XLA needs it.

    It is on the first CPU of the host, which XLA can divide into several: on another, it is a copy.
    """
    return jax.device_put(jax.dlpack.from_dlpack(array), device)


def _with_boxes(images: jax.Array, objects: NDArray[np.float32], device: jax.Device) -> BoxBatch:
    count, rows, columns = objects.shape
    padded = np.zeros((count, 1 << (rows - 1).bit_length(), columns), np.float32)
    padded[:, :rows] = np.where(objects[..., 4:5] >= 0, objects + np.eye(1, columns, 4, dtype=np.float32), 0)
    parts = padded[..., :4], padded[..., 4].astype(np.int32), *((padded[..., 5] > 0,) if columns > 5 else ())
    return BoxBatch(images, *jax.device_put(parts, device))
