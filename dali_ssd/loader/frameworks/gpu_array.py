"""Arrays on a GPU without a framework: DALI's memory, for all that take DLPack or the CUDA array interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["GpuArray"]


class GpuArray:
    """A dense array in the memory of a tensor of DALI on a GPU, which lives as long as the array or what is made of it.

    It is complete when the loader returns it. `torch.from_dlpack(array)` and `cupy.asarray(array)` copy nothing. If you
    read it asynchronously, hold the array until your kernels have run: DALI writes later batches into memory that
    nobody holds.

    Args:
        tensor: a dense `nvidia.dali.tensors.TensorGPU`.
    """

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return dict(self._tensor.__cuda_array_interface__)

    def __dlpack__(self, *, stream: int | None = None, **options: Any) -> Any:
        """Return a DLPack capsule; `stream` and the options are those of the protocol, which DALI follows."""
        return self._tensor.__dlpack__(stream=stream, **options)

    def __dlpack_device__(self) -> tuple[int, int]:
        kind, number = self._tensor.__dlpack_device__()
        return int(kind), int(number)

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents, that of the batch first."""
        return tuple(map(int, self._tensor.__cuda_array_interface__["shape"]))

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's name for the kind of number."""
        kind: np.dtype[Any] = np.dtype(self._tensor.__cuda_array_interface__["typestr"])
        return kind

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> GpuArray:
        """Return consecutive rows along the first axis, without a copy. Raises TypeError for any other index."""
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise TypeError(
                f"a GpuArray can only be cut into consecutive rows, not by [{rows!r}]; take it by DLPack first"
            )
        begin, end, _ = rows.indices(len(self))
        if (begin, end) == (0, len(self)):
            return self
        from nvidia.dali.tensors import TensorGPU

        _, number = self.__dlpack_device__()
        return GpuArray(TensorGPU(_Rows(self, begin, max(begin, end)), device_id=number))

    def as_numpy(self) -> npt.NDArray[Any]:
        """Return a copy on the host."""
        return np.array(self._tensor.as_cpu())


@dataclass(frozen=True)
class _Rows:
    """Rows of an array as DALI takes memory of others: it holds this object, and so the array, as long as need be."""

    array: GpuArray
    begin: int
    end: int

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        whole = self.array.__cuda_array_interface__
        address, read_only = whole["data"]
        row = int(np.prod(self.array.shape[1:], dtype=np.int64)) * self.array.dtype.itemsize
        shape = (self.end - self.begin, *self.array.shape[1:])
        return {**whole, "data": (address + self.begin * row, read_only), "shape": shape, "strides": None}
