"""What tensors a loader is to make, and how they are made from DALI's memory."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from dali_ssd.config import RenderConfig
from dali_ssd.errors import ConfigError
from dali_ssd.loader import batch as batches
from dali_ssd.torch.batch import BoxBatch, EncodedBatch, Target
from dali_ssd.torch.lent import Lender
from dali_ssd.util.words import counted

__all__ = ["Device", "TensorMaker", "checked_device"]

Device: TypeAlias = "torch.device | str | int | None"
"""What PyTorch takes for a device; None: the CPU."""

_RENDERED = {torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "float32"}
"""What DALI renders for each type of a tensor; it has no bfloat16."""
_LAYOUTS = {torch.contiguous_format: "NCHW", torch.channels_last: "NHWC"}


class TensorMaker:
    """Makes the tensors of a loader's batches.

    Args:
        device: where they are: the CPU or a GPU.
        dtype: of the images: float32, float16 or bfloat16; None: the recipe's.
        memory_format: of the images: contiguous or channels_last; None: the recipe's.

    Attributes:
        options: the arguments `ctx`, `dtype` and `layout` of a loader for these tensors.

    Raises:
        ConfigError: a device, type or format that a loader cannot have.
    """

    def __init__(
        self, device: Device, dtype: torch.dtype | str | None, memory_format: torch.memory_format | None
    ) -> None:
        self._device = checked_device(device)
        self._dtype = _dtype(dtype)
        if memory_format is not None and not any(memory_format is known for known in _LAYOUTS):
            raise ConfigError(
                f"memory_format must be torch.contiguous_format or torch.channels_last, not {memory_format!r}"
            )
        self.options: dict[str, Any] = {
            "ctx": "cpu" if self._device.type == "cpu" else f"gpu:{self._device.index}",
            "dtype": None if self._dtype is None else _RENDERED[self._dtype],
            "layout": None if memory_format is None else _LAYOUTS[memory_format],
        }
        self._lender = Lender()

    def training_batch(self, batch: Any, layout: str) -> EncodedBatch | BoxBatch:
        """Return the batch of a loader for DLPack as tensors; `layout` is that of its images."""
        images = self._images(batch.data[0], layout)
        if isinstance(batch, batches.BoxBatch):
            return BoxBatch(images, self._targets(batch.labels[0]), batch.records)
        # Classes as cross_entropy takes them.
        classes = self._tensor(batch.cls_targets[0]).to(torch.int64)
        return EncodedBatch(images, classes, self._tensor(batch.box_targets[0]), batch.records)

    def validation_batch(self, batch: batches.ValBatch, image: RenderConfig) -> BoxBatch:
        """Likewise; with several processes, the last batch may be empty: no images as `image` describes them."""
        if not batch.data:
            shape, dtype = (0, 3, image.data_shape, image.data_shape), self._dtype or getattr(torch, image.dtype)
            return BoxBatch(torch.empty(shape, dtype=dtype, device=self._device), [], batch.records)
        return BoxBatch(self._images(batch.data[0], image.layout), self._targets(batch.labels[0]), batch.records)

    def _images(self, array: Any, layout: str) -> torch.Tensor:
        images = self._tensor(array)
        if layout == "NHWC":
            images = images.permute(0, 3, 1, 2)  # the same memory, which PyTorch calls channels_last
        return images if self._dtype is None else images.to(self._dtype)

    def _tensor(self, array: Any) -> torch.Tensor:
        return torch.from_dlpack(array) if self._device.type == "cpu" else self._lender.tensor(array)

    def _targets(self, labels: NDArray[np.float32]) -> list[Target]:
        """Return the objects of each image from their table (B, M, 5 or 6) on the host, padded with -1."""
        counts = (labels[..., 4] >= 0).sum(axis=1).tolist()
        table = torch.from_numpy(labels)
        columns = {"boxes": table[..., :4].clone(), "labels": table[..., 4].to(torch.int64) + 1}
        if labels.shape[-1] > 5:
            columns["difficult"] = table[..., 5] > 0
        if self._device.type == "cuda":  # a copy from other memory would wait for the GPU
            columns = {
                name: column.pin_memory().to(self._device, non_blocking=True) for name, column in columns.items()
            }
        return [{name: column[row, :count] for name, column in columns.items()} for row, count in enumerate(counts)]


def checked_device(device: Device) -> torch.device:
    """Return the CPU or a GPU by its number. Raises ConfigError if a loader cannot have this device."""
    try:
        # PyTorch's own numbers are those of an accelerator, which its build for the CPU has not.
        found = torch.device("cpu" if device is None else f"cuda:{device}" if isinstance(device, int) else device)
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"device must be a torch.device or its name, such as 'cuda:0', not {device!r}") from error
    if found.type not in ("cpu", "cuda"):
        raise ConfigError(f"device must be the CPU or an NVIDIA GPU, not {str(found)!r}")
    if found.type == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count()
    number = found.index if found.index is not None else torch.cuda.current_device() if count else 0
    if number >= count:
        raise ConfigError(f"device is {found}, and PyTorch finds {counted(count, 'GPU')} here")
    return torch.device("cuda", number)


def _dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if dtype is None or (isinstance(found, torch.dtype) and found in _RENDERED):
        return found
    raise ConfigError(f"dtype must be torch.float32, float16 or bfloat16, not {dtype!r}")
