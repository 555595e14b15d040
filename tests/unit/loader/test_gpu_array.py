"""The arithmetic of GPU arrays. Memory of the host stands in for a GPU's: what DALI does with it is in tests/gpu."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from nvidia.dali import tensors

from dali_ssd.loader.frameworks import Device, dlpack
from dali_ssd.loader.frameworks.gpu_array import GpuArray


class HostTensor:
    """Has what a `TensorGPU` has, about an array or what another object says of its memory."""

    def __init__(self, source: Any, device_id: int = 3) -> None:
        self.source, self.device = source, device_id
        if isinstance(source, np.ndarray):
            self.described = {**source.__array_interface__, "stream": None}
        else:
            self.described = source.__cuda_array_interface__

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return self.described

    def __dlpack__(self, stream: Any = None) -> Any:
        return ("capsule", stream, self)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self.device

    def as_cpu(self) -> npt.NDArray[Any]:
        described = {name: self.described[name] for name in ("data", "shape", "typestr", "strides", "version")}
        return np.asarray(type("Host", (), {"__array_interface__": described, "of": self})())


@pytest.fixture
def tensor(monkeypatch: pytest.MonkeyPatch) -> HostTensor:
    monkeypatch.setattr(tensors, "TensorGPU", HostTensor)
    return HostTensor(np.arange(120, dtype=np.float32).reshape(5, 4, 3, 2))


def test_it_says_what_it_is(tensor: HostTensor) -> None:
    array = GpuArray(tensor)
    assert array.shape == (5, 4, 3, 2) and array.dtype == np.float32 and len(array) == 5
    assert array.__dlpack_device__() == (2, 3)
    assert array.__dlpack__(stream=7) == ("capsule", 7, tensor)
    np.testing.assert_array_equal(array.as_numpy(), tensor.source)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(
    "rows", [slice(0, 3), slice(2, 5), slice(1, 2), slice(None, -1), slice(3), slice(4, 2), slice(9)]
)
def test_rows_are_those_of_numpy(tensor: HostTensor, rows: slice, dtype: str) -> None:
    tensor = HostTensor(tensor.source.astype(dtype))
    part = GpuArray(tensor)[rows]
    wanted = tensor.source[rows]
    assert part.shape == wanted.shape and part.dtype == dtype and part.__dlpack_device__() == (2, 3)
    np.testing.assert_array_equal(part.as_numpy(), wanted)


def test_rows_of_rows(tensor: HostTensor) -> None:
    np.testing.assert_array_equal(GpuArray(tensor)[1:5][1:3].as_numpy(), tensor.source[2:4])


def test_all_rows_are_the_array_itself(tensor: HostTensor) -> None:
    array = GpuArray(tensor)
    assert array[:] is array and array[0:5] is array


def test_rows_keep_the_memory(tensor: HostTensor) -> None:
    """The rows hold the array, which holds DALI's tensor: as far as Python goes, by a stand-in that keeps its source.

    That DALI's own tensor keeps the object that it is given is in tests/gpu/test_gpu_loader.py.
    """
    array = GpuArray(HostTensor(tensor.source.copy()))
    kept = weakref.ref(array._tensor)
    part = array[1:3]
    del array
    gc.collect()
    assert kept() is not None
    del part
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("index", [0, slice(0, 4, 2), slice(None, None, -1), (slice(1), 0), ...])
def test_other_indices_are_refused(tensor: HostTensor, index: Any) -> None:
    with pytest.raises(TypeError, match="can only be cut into consecutive rows"):
        GpuArray(tensor)[index]


def test_the_framework_makes_it_of_what_is_on_a_gpu(tensor: HostTensor) -> None:
    class Tensors:
        def as_tensor(self) -> HostTensor:
            return tensor

    array = dlpack.array(Tensors(), Device("gpu", 3))
    assert isinstance(array, GpuArray) and array._tensor is tensor
