"""The loaders, with arrays on one device."""

from __future__ import annotations

from typing import Any

import jax
from typing_extensions import Unpack

from dali_ssd import loader
from dali_ssd.jax.arrays import device_name, training_batch, validation_batch
from dali_ssd.jax.batch import BoxBatch, EncodedBatch
from dali_ssd.jax.options import TrainOptions, ValOptions
from dali_ssd.records.dataset import Paths

__all__ = ["TrainLoader", "ValLoader"]


class TrainLoader(loader.TrainLoader):
    """Augmented batches as JAX's arrays: `EncodedBatch`, or with `targets="boxes"` `BoxBatch`.

    What `dali_ssd.TrainLoader` says of epochs, ranks and states holds: with the same seed it gives the same numbers,
    bit by bit. Images and `box_targets` are DALI's memory, without a copy, if XLA can read them where they are.

    Args:
        shards, options: as for `dali_ssd.TrainLoader`, without `ctx`, `device` and `framework`.
        anchors: `(N, 4)` or `(1, N, 4)` center_x center_y width height in pixels of the network's input; None if
            `targets` is `boxes`.
        device: of the arrays, and of the work: a `jax.Device`; default: the CPU.
        world_size, rank: default: JAX's processes.

    Raises:
        ConfigError, DatasetError, PluginError, TypeError: as `dali_ssd.TrainLoader` does.
    """

    def __init__(
        self,
        shards: Paths,
        *,
        anchors: Any = None,
        device: jax.Device | None = None,
        world_size: int | None = None,
        rank: int | None = None,
        **options: Unpack[TrainOptions],
    ) -> None:
        self._jax_device = jax.devices("cpu")[0] if device is None else device
        super().__init__(
            shards,
            anchors=anchors,
            ctx=device_name(self._jax_device),
            framework="dlpack",
            world_size=jax.process_count() if world_size is None else world_size,
            rank=jax.process_index() if rank is None else rank,
            **options,
        )

    def _finish(self, batch: Any) -> EncodedBatch | BoxBatch:
        return training_batch(batch, self._jax_device)


class ValLoader(loader.ValLoader):
    """The whole images and their objects as `BoxBatch`; each record once, in file order, as `dali_ssd.ValLoader` says.

    Args:
        shards, options: as for `dali_ssd.ValLoader`, without `ctx`, `device` and `framework`.
        device, world_size, rank: as for `TrainLoader`.

    Raises:
        ConfigError, DatasetError, PluginError, TypeError: as `dali_ssd.ValLoader` does.
    """

    def __init__(
        self,
        shards: Paths,
        *,
        device: jax.Device | None = None,
        world_size: int | None = None,
        rank: int | None = None,
        **options: Unpack[ValOptions],
    ) -> None:
        self._jax_device = jax.devices("cpu")[0] if device is None else device
        super().__init__(
            shards,
            ctx=device_name(self._jax_device),
            framework="dlpack",
            world_size=jax.process_count() if world_size is None else world_size,
            rank=jax.process_index() if rank is None else rank,
            **options,
        )

    def _finish(self, batch: Any) -> BoxBatch:
        image = self.recipe.image
        size = image.data_shape
        shape = (3, size, size) if image.layout == "NCHW" else (size, size, 3)
        return validation_batch(batch, shape, image.dtype, self._jax_device)
