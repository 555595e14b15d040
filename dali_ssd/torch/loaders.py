"""The loaders, with tensors on one device and the names that PyTorch has for things."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from typing_extensions import Unpack

from dali_ssd import loader
from dali_ssd.records.dataset import Paths
from dali_ssd.torch.batch import BoxBatch, EncodedBatch
from dali_ssd.torch.options import TrainOptions, ValOptions, checked
from dali_ssd.torch.tensors import Device, TensorMaker
from dali_ssd.torch.world import process_of

__all__ = ["TrainLoader", "ValLoader"]


class TrainLoader(loader.TrainLoader):
    """Augmented batches as tensors: `EncodedBatch`, or with `targets="boxes"` `BoxBatch`.

    What `dali_ssd.TrainLoader` says of epochs, ranks and states holds: with the same seed it gives the same numbers,
    bit by bit. Images and `box_targets` are DALI's memory, without a copy, but for bfloat16, which is converted from
    float32. On a GPU they are complete, and belong to the stream that is current when a batch is handed out: use them
    on another stream only while you hold them. `state_dict` and `load_state_dict` are those of torchdata's stateful
    loaders: plain values, which `torch.save` and distributed checkpoints take; each rank has its own.

    Args:
        shards, options: as for `dali_ssd.TrainLoader`, without `ctx`, `framework` and `layout`.
        anchors: `(N, 4)` or `(1, N, 4)` center_x center_y width height in pixels of the network's input, a tensor or an
            array; None if `targets` is `boxes`.
        device: of the tensors, and of the work: `"cpu"`, `"cuda"`, `"cuda:1"` or a `torch.device`; default: the CPU.
        dtype: of the images: `torch.float32`, `torch.float16` or `torch.bfloat16`; default: the recipe's.
        memory_format: of the images, `torch.contiguous_format` or `torch.channels_last`; default: the recipe's. The
            shape is (B, 3, S, S) in both.
        world_size, rank: default: those of torch.distributed if it is initialized.

    Raises:
        ConfigError, DatasetError, PluginError: as `dali_ssd.TrainLoader` does.
        TypeError: an option that there is not.
    """

    def __init__(
        self,
        shards: Paths,
        *,
        anchors: Any = None,
        device: Device = None,
        dtype: torch.dtype | str | None = None,
        memory_format: torch.memory_format | None = None,
        world_size: int | None = None,
        rank: int | None = None,
        **options: Unpack[TrainOptions],
    ) -> None:
        self._tensors = TensorMaker(device, dtype, memory_format)
        world_size, rank = process_of(world_size, rank)
        super().__init__(
            shards,
            anchors=anchors.detach().to("cpu", torch.float32) if isinstance(anchors, torch.Tensor) else anchors,
            framework="dlpack",
            world_size=world_size,
            rank=rank,
            **checked(TrainLoader, TrainOptions, options, world_size),
            **self._tensors.options,
        )

    def __iter__(self) -> Iterator[Any]:
        """Yield one epoch, or after `load_state_dict` the rest of the one that was interrupted.

        Of `EncodedBatch`, or if `targets` is `boxes`, of `BoxBatch`.
        """
        return super().__iter__()

    def _finish(self, batch: Any) -> EncodedBatch | BoxBatch:
        return self._tensors.training_batch(batch, self.recipe.image.layout)


class ValLoader(loader.ValLoader):
    """The whole images and their objects as `BoxBatch`; each record once, in file order, as `dali_ssd.ValLoader` says.

    Of several processes, the last batch of one may be empty, which torchvision's models do not take: pass over it.

    Args:
        shards, options: as for `dali_ssd.ValLoader`, without `ctx`, `framework` and `layout`.
        device, dtype, memory_format, world_size, rank: as for `TrainLoader`.

    Raises:
        ConfigError, DatasetError, PluginError, TypeError: as `TrainLoader` does.
    """

    def __init__(
        self,
        shards: Paths,
        *,
        device: Device = None,
        dtype: torch.dtype | str | None = None,
        memory_format: torch.memory_format | None = None,
        world_size: int | None = None,
        rank: int | None = None,
        **options: Unpack[ValOptions],
    ) -> None:
        self._tensors = TensorMaker(device, dtype, memory_format)
        world_size, rank = process_of(world_size, rank)
        super().__init__(
            shards,
            framework="dlpack",
            world_size=world_size,
            rank=rank,
            **checked(ValLoader, ValOptions, options, world_size),
            **self._tensors.options,
        )

    def __iter__(self) -> Iterator[BoxBatch]:
        """Yield every record once."""
        return super().__iter__()

    def _finish(self, batch: Any) -> BoxBatch:
        return self._tensors.validation_batch(batch, self.recipe.image)
