"""DALI's memory on a GPU as tensors, which goes back to DALI when PyTorch's kernels have read it."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

import torch

from dali_ssd.loader.frameworks.gpu_array import GpuArray

__all__ = ["Lender"]


class Lender:
    """Lends arrays of one GPU to tensors, without a copy.

    A tensor belongs to the stream that is current when it is made. It is freed when Python lets go of it, which may be
    before the kernels of that stream have run: so the memory is held until they have, as PyTorch holds its own.
    """

    def __init__(self) -> None:
        self._returned: deque[tuple[torch.cuda.Event, GpuArray]] = deque()

    def tensor(self, array: GpuArray) -> torch.Tensor:
        """Return a tensor over the array's memory."""
        while self._returned and self._returned[0][0].query():
            self._returned.popleft()
        _, number = array.__dlpack_device__()
        loan = _Loan(array, torch.cuda.current_stream(number), self)
        return torch.as_tensor(loan, device=torch.device("cuda", number))

    def take_back(self, array: GpuArray, stream: Any) -> None:
        """Hold an array that no tensor needs any more until the stream has run what is queued on it now."""
        self._returned.append((stream.record_event(), array))

    def __del__(self) -> None:
        """Wait for what is still read: the loader, and all tensors over its memory, are gone."""
        if not sys.is_finalizing():
            for event, _ in self._returned:
                event.synchronize()


class _Loan:
    """What a tensor holds as long as its memory is in use."""

    def __init__(self, array: GpuArray, stream: Any, lender: Lender) -> None:
        self._array, self._stream, self._lender = array, stream, lender

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return self._array.__cuda_array_interface__

    def __del__(self) -> None:
        if not sys.is_finalizing():
            self._lender.take_back(self._array, self._stream)
