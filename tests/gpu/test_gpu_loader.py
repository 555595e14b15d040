"""Loaders on a GPU, with arrays by DLPack: without MXNet, which has none for Hopper and newer."""

from __future__ import annotations

import gc
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nvidia.dali.tensors import TensorGPU

from dali_ssd import TrainLoader, ValLoader
from dali_ssd.loader.frameworks.dlpack import _count_gpus
from dali_ssd.loader.frameworks.gpu_array import GpuArray
from tests.gpu.conftest import COUNT
from tests.support.interrupts import interrupted
from tests.support.pipes import ANCHORS
from tests.support.twins import LEVEL, share_beyond

pytestmark = pytest.mark.usefixtures("plugin")

USUAL: dict[str, Any] = {"data_shape": 64, "num_threads": 2, "plugin": "require"}


def train(shard: Path, **options: Any) -> TrainLoader:
    return TrainLoader(
        shard, **{"anchors": ANCHORS, "batch_size": 4, "ctx": "gpu", "framework": "dlpack", **USUAL, **options}
    )


def boxes(shard: Path, **options: Any) -> TrainLoader:
    return train(shard, anchors=None, targets="boxes", **options)


def val(shard: Path, **options: Any) -> ValLoader:
    return ValLoader(shard, **{"batch_size": 6, "ctx": "gpu", "framework": "dlpack", **USUAL, **options})


def by_dlpack(array: GpuArray) -> np.ndarray[Any, Any]:
    """The array as a consumer of DLPack gets it, copied to the host."""
    return np.array(TensorGPU(array.__dlpack__()).as_cpu())


def on_host(array: Any) -> np.ndarray[Any, Any]:
    return array.as_numpy() if isinstance(array, GpuArray) else np.array(array)


def numbers(batch: Any) -> list[np.ndarray[Any, Any]]:
    return [on_host(array) for part in batch for array in part]


@pytest.mark.parametrize("make", [train, boxes, val])
def test_arrays_are_on_the_gpu_and_go_on_by_dlpack(pngs: Path, make: Any) -> None:
    """But for boxes, which the host makes, and which are needed there to divide them."""
    with make(pngs) as loader:
        assert "render: plugin" in str(loader.placement)
        for batch in loader:
            for number, (array,) in enumerate(batch):
                if number and make is not train:
                    assert isinstance(array, np.ndarray)
                    continue
                assert isinstance(array, GpuArray) and array.__dlpack_device__() == (2, 0)
                np.testing.assert_array_equal(by_dlpack(array), array.as_numpy())


def test_validation_is_the_cpus_to_its_last_batch(pngs: Path) -> None:
    """Which is cut: 16 records are two batches of 6 and one of 4."""
    with val(pngs) as ours, val(pngs, ctx="cpu", plugin="auto") as theirs:
        sizes = []
        for one, other in zip(ours, theirs, strict=True):
            ((images,), (labels,)), ((others,), (same,)) = one, other
            sizes.append(images.shape[0])
            assert share_beyond(LEVEL, images.as_numpy(), others) == 0
            np.testing.assert_array_equal(labels, same)
            np.testing.assert_array_equal(by_dlpack(images), images.as_numpy())
            assert one.records() == other.records()
    assert sizes == [6, 6, COUNT - 12]


@pytest.mark.parametrize("make", [train, val])
def test_arrays_outlive_the_loader_and_its_later_batches(pngs: Path, make: Any) -> None:
    kept = []
    with make(pngs) as loader:
        for _ in range(3):
            kept += [(array, on_host(array)) for batch in loader for part in batch for array in part]
    del loader
    gc.collect()
    for array, copy in kept:
        np.testing.assert_array_equal(on_host(array), copy)


@pytest.mark.parametrize("make", [train, val])
def test_rows_keep_the_memory_of_an_array_that_was_dropped(pngs: Path, make: Any) -> None:
    """While later batches would be written into it if DALI knew it to be free."""
    with make(pngs) as loader:
        arrays = [array for batch in loader for part in batch for array in part if isinstance(array, GpuArray)]
        kept = [(array[1:3], array.as_numpy()[1:3]) for array in arrays]
        del arrays
        gc.collect()
        for _ in range(4):
            for _ in loader:
                pass
        for rows, copy in kept:
            assert rows.shape == copy.shape
            np.testing.assert_array_equal(rows.as_numpy(), copy)
            np.testing.assert_array_equal(by_dlpack(rows), copy)


@pytest.mark.parametrize("devices", [1, 2])
def test_a_training_goes_on_with_the_batch_that_was_cut_short(pngs: Path, devices: int) -> None:
    """Two parts are on one GPU: what counts is that one may have handed its run out, and the other not."""
    options: dict[str, Any] = {"ctx": ["gpu:0"] * devices}
    with train(pngs, **options) as loader, train(pngs, **options) as other:
        wanted, line = (numbers(batch) for _ in count() for batch in other), 0
        while interrupted(lambda: next(iter(loader)), line):
            for array, same in zip(numbers(next(iter(loader))), next(wanted), strict=True):
                np.testing.assert_array_equal(array, same)
            line += 3
        assert line > 20


def test_a_training_continues_to_the_bit(pngs: Path) -> None:
    with train(pngs) as first, train(pngs) as second:
        epoch = iter(first)
        next(epoch)
        second.load_state_dict(first.state_dict())
        for one, other in zip(epoch, second, strict=True):
            for array, same in zip(numbers(one), numbers(other), strict=True):
                np.testing.assert_array_equal(array, same)


def test_two_parts_on_their_devices(pngs: Path) -> None:
    """On two GPUs if there are two, and otherwise on one."""
    last = min(_count_gpus(), 2) - 1
    with val(pngs, ctx=["gpu:0", f"gpu:{last}"]) as ours, val(pngs, ctx=["cpu", "cpu"], plugin="auto") as theirs:
        for one, other in zip(ours, theirs, strict=True):
            assert [array.__dlpack_device__() for array in one.data] == [(2, 0), (2, last)][: len(one.data)]
            for images, others in zip(one.data, other.data, strict=True):
                assert share_beyond(LEVEL, images.as_numpy(), others) == 0


def test_mxnet_gets_the_same(pngs: Path) -> None:
    mx = import_module("mxnet") if find_spec("mxnet") else None
    if mx is None or not mx.context.num_gpus():
        pytest.skip("MXNet is not installed, or finds no GPU")
    with val(pngs, framework="mxnet", ctx=mx.gpu(0)) as theirs, val(pngs) as ours:
        for one, other in zip(theirs, ours, strict=True):
            for (array,), (same,) in zip(one, other, strict=True):
                assert array.context == mx.gpu(0)
                np.testing.assert_array_equal(array.asnumpy(), on_host(same))
