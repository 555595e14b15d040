"""What arrays a loader for JAX is to make, and how they are made from DALI's memory."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import RenderConfig
from dali_ssd.errors import ConfigError
from dali_ssd.jax.batch import BoxBatch, EncodedBatch
from dali_ssd.jax.copied import Copier
from dali_ssd.loader import batch as batches

__all__ = ["ArrayMaker"]

_RENDERED = {"float32": "float32", "float16": "float16", "bfloat16": "float32"}
"""What DALI renders for each type of an array; it has no bfloat16."""


class ArrayMaker:
    """Makes the arrays of a loader's batches.

    Args:
        device: where they are: a CPU or GPU of this process; None: the CPU.
        dtype: of the images: float32, float16 or bfloat16, as JAX takes types; None: the recipe's.

    Attributes:
        options: the arguments `ctx` and `dtype` of a loader for these arrays.

    Raises:
        ConfigError: a device or type that a loader cannot have.
    """

    def __init__(self, device: jax.Device | None, dtype: Any) -> None:
        self._device = jax.local_devices(backend="cpu")[0] if device is None else device
        ctx = _device_name(self._device)
        self._dtype = _dtype(dtype)
        self.options: dict[str, Any] = {
            "ctx": ctx,
            "dtype": None if self._dtype is None else _RENDERED[self._dtype.name],
        }
        self._copier = None if ctx == "cpu" else Copier()

    def training_batch(self, batch: Any) -> EncodedBatch | BoxBatch:
        """Return the batch of a loader for DLPack as JAX's arrays."""
        images = self._images(batch.data[0])
        if isinstance(batch, batches.BoxBatch):
            return self._with_boxes(images, batch.labels[0])
        classes, boxes = self._array(batch.cls_targets[0]), self._array(batch.box_targets[0])
        return EncodedBatch(images, classes.astype(jnp.int32), boxes)

    def validation_batch(self, batch: batches.ValBatch, image: RenderConfig) -> BoxBatch:
        """Likewise; with several processes, the last batch may be empty: no images as `image` describes them."""
        if not batch.data:
            size = image.data_shape
            shape = (0, 3, size, size) if image.layout == "NCHW" else (0, size, size, 3)
            images = jnp.zeros(shape, self._dtype or image.dtype, device=self._device)
            return self._with_boxes(images, np.zeros((0, 1, 6), np.float32))
        return self._with_boxes(self._images(batch.data[0]), batch.labels[0])

    def _images(self, array: Any) -> jax.Array:
        images = self._array(array)
        return images if self._dtype is None else images.astype(self._dtype)

    def _array(self, array: Any) -> jax.Array:
        """Return JAX's array of another: a copy on a GPU, and on the host if it does not begin where XLA needs it.

        On the host it is on the first CPU, of several into which XLA can divide it: on another, it is a copy.
        """
        ours = jax.dlpack.from_dlpack(array) if self._copier is None else self._copier.copy(array)
        return jax.device_put(ours, self._device)

    def _with_boxes(self, images: jax.Array, objects: NDArray[np.float32]) -> BoxBatch:
        count, rows, columns = objects.shape
        padded = np.zeros((count, 1 << (rows - 1).bit_length(), columns), np.float32)
        padded[:, :rows] = np.where(objects[..., 4:5] >= 0, objects + np.eye(1, columns, 4, dtype=np.float32), 0)
        parts = padded[..., :4], padded[..., 4].astype(np.int32), *((padded[..., 5] > 0,) if columns > 5 else ())
        return BoxBatch(images, *jax.device_put(parts, self._device))


def _device_name(device: jax.Device) -> str:
    """Return a device as loaders for DLPack call it."""
    platform = getattr(device, "platform", None)
    if platform not in ("cpu", "gpu"):
        raise ConfigError(f"device must be a jax.Device, the CPU or an NVIDIA GPU, not {device!r}")
    if device.process_index != jax.process_index():
        raise ConfigError(
            f"device is {device!r} of process {device.process_index}, and this is process {jax.process_index()}; give "
            "one of jax.local_devices()"
        )
    return "cpu" if platform == "cpu" else f"gpu:{device.local_hardware_id}"


def _dtype(dtype: Any) -> np.dtype[Any] | None:
    """Return the type of the images; None for the recipe's."""
    if dtype is None:
        return None
    try:
        found: np.dtype[Any] | None = jnp.dtype(dtype)
    except (TypeError, ValueError):
        found = None
    if found is not None and found.name in _RENDERED:
        return found
    raise ConfigError(f"dtype must be jnp.float32, float16 or bfloat16, not {dtype!r}")
