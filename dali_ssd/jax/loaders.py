"""The loaders, with arrays on one device."""

from __future__ import annotations

from typing import Any

import jax
from jax.typing import DTypeLike
from typing_extensions import Unpack

from dali_ssd import loader
from dali_ssd.jax.arrays import ArrayMaker
from dali_ssd.jax.batch import BoxBatch, EncodedBatch
from dali_ssd.jax.options import TrainOptions, ValOptions, checked
from dali_ssd.jax.world import process_of
from dali_ssd.records.dataset import Paths

__all__ = ["TrainLoader", "ValLoader"]


class TrainLoader(loader.TrainLoader):
    """Augmented batches as JAX's arrays: `EncodedBatch`, or with `targets="boxes"` `BoxBatch`.

    What `dali_ssd.TrainLoader` says of epochs, ranks and states holds: with the same seed it gives the same numbers,
    bit by bit. On the CPU, images and `box_targets` are DALI's memory, without a copy, if XLA can read them where they
    are; but for bfloat16, which is converted from float32. On a GPU they are copied within it.

    Args:
        shards, options: as for `dali_ssd.TrainLoader`, without `ctx` and `framework`.
        anchors: `(N, 4)` or `(1, N, 4)` center_x center_y width height in pixels of the network's input; None if
            `targets` is `boxes`.
        device: of the arrays, and of the work: a `jax.Device` of this process; default: the CPU.
        dtype: of the images: `jnp.float32`, `jnp.float16`, `jnp.bfloat16` or a name of these; default: the recipe's.
        world_size, rank: default: those of jax.distributed if it is initialized.

    Raises:
        ConfigError, DatasetError, PluginError: as `dali_ssd.TrainLoader` does.
        TypeError: an option that there is not.
    """

    def __init__(
        self,
        shards: Paths,
        *,
        anchors: Any = None,
        device: jax.Device | None = None,
        dtype: DTypeLike | None = None,
        world_size: int | None = None,
        rank: int | None = None,
        **options: Unpack[TrainOptions],
    ) -> None:
        world_size, rank = process_of(world_size, rank)  # first: the devices depend on it
        self._arrays = ArrayMaker(device, dtype)
        super().__init__(
            shards,
            anchors=anchors,
            framework="dlpack",
            world_size=world_size,
            rank=rank,
            **checked(TrainLoader, TrainOptions, options, world_size),
            **self._arrays.options,
        )

    def _finish(self, batch: Any) -> EncodedBatch | BoxBatch:
        return self._arrays.training_batch(batch)


class ValLoader(loader.ValLoader):
    """The whole images and their objects as `BoxBatch`; each record once, in file order, as `dali_ssd.ValLoader` says.

    Args:
        shards, options: as for `dali_ssd.ValLoader`, without `ctx` and `framework`.
        device, dtype, world_size, rank: as for `TrainLoader`.

    Raises:
        ConfigError, DatasetError, PluginError, TypeError: as `TrainLoader` does.
    """

    def __init__(
        self,
        shards: Paths,
        *,
        device: jax.Device | None = None,
        dtype: DTypeLike | None = None,
        world_size: int | None = None,
        rank: int | None = None,
        **options: Unpack[ValOptions],
    ) -> None:
        world_size, rank = process_of(world_size, rank)  # first: the devices depend on it
        self._arrays = ArrayMaker(device, dtype)
        super().__init__(
            shards,
            framework="dlpack",
            world_size=world_size,
            rank=rank,
            **checked(ValLoader, ValOptions, options, world_size),
            **self._arrays.options,
        )

    def _finish(self, batch: Any) -> BoxBatch:
        return self._arrays.validation_batch(batch, self.recipe.image)
