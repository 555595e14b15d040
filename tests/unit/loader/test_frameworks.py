"""Batches for other frameworks than MXNet: the same numbers, in DALI's own memory, and no MXNet anywhere."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd import TrainLoader, ValLoader
from dali_ssd.errors import ConfigError
from dali_ssd.loader.frameworks import Device, dlpack
from tests.support.gpu import cuda_device_present
from tests.support.pipes import ANCHORS
from tests.support.shards import write_random

COUNT = 26
OPTIONS: dict[str, Any] = {"batch_size": 2, "data_shape": 64, "num_threads": 2}


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path,) = write_random(tmp_path_factory.mktemp("frameworks"), COUNT)
    return path


def train(shard: Path, **options: Any) -> TrainLoader:
    return TrainLoader(shard, **{"anchors": ANCHORS, **OPTIONS, **options})


def boxes(shard: Path, **options: Any) -> TrainLoader:
    return train(shard, anchors=None, targets="boxes", **options)


def val(shard: Path, **options: Any) -> ValLoader:
    return ValLoader(shard, **{**OPTIONS, **options})


@pytest.mark.parametrize("make", [train, boxes, val])
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_both_give_the_same(shard: Path, make: Any, parts: int) -> None:
    """The last batch of a validation is shorter, or lacks a part."""
    mx = pytest.importorskip("mxnet")
    with (
        make(shard, batch_size=6, ctx=[mx.cpu(number) for number in range(parts)]) as theirs,
        make(shard, batch_size=6, ctx=["cpu"] * parts, framework="dlpack") as ours,
    ):
        for one, other in zip(theirs, ours, strict=True):
            for arrays, others in zip(one, other, strict=True):
                for array, same in zip(arrays, others, strict=True):
                    assert isinstance(same, np.ndarray)
                    np.testing.assert_array_equal(array.asnumpy(), same)
            assert one.records() == other.records()


@pytest.mark.parametrize("make", [train, boxes, val])
def test_arrays_are_dalis_memory_and_go_on_without_a_copy(
    shard: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run holds several batches, which are slices of one tensor."""
    tensors: list[tuple[int, int]] = []
    array = dlpack.array

    def remember(tensor_list: Any, device: Any) -> Any:
        tensor = tensor_list.as_tensor()
        tensors.append((tensor.data_ptr(), tensor.data_ptr() + int(np.prod(tensor.shape())) * 4))
        return array(tensor_list, device)

    monkeypatch.setattr(dlpack, "array", remember)
    with make(shard, framework="dlpack") as loader:
        for batch in loader:
            for part in batch:
                begin = part[0].__array_interface__["data"][0]
                assert any(low <= begin and begin + part[0].nbytes <= high for low, high in tensors)
                assert np.from_dlpack(part[0]).__array_interface__["data"][0] == begin


@pytest.mark.parametrize("make", [train, boxes, val])
def test_arrays_outlive_the_loader_and_its_later_batches(shard: Path, make: Any) -> None:
    kept = []
    with make(shard, framework="dlpack") as loader:
        for _ in range(3):
            kept += [(array, array.copy()) for batch in loader for (array,) in batch]
    del loader
    gc.collect()
    for array, copy in kept:
        np.testing.assert_array_equal(array, copy)


WITHOUT_MXNET = """
import sys
sys.modules["mxnet"] = None
import json, numpy as np
from dali_ssd import TrainLoader, ValLoader
anchors, shard = np.load(sys.argv[1]), sys.argv[2]
options = dict(batch_size=2, data_shape=64, num_threads=2, framework="dlpack")
with TrainLoader(shard, anchors=anchors, **options) as train, ValLoader(shard, **options) as val:
    batches = [batch for loader in (train, val) for batch in loader]
    print(json.dumps([float(array.sum(dtype=float)) for batch in batches for (array,) in batch]))
"""


def test_no_mxnet_is_needed(shard: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "anchors.npy", ANCHORS)
    command = [sys.executable, "-c", WITHOUT_MXNET, str(tmp_path / "anchors.npy"), str(shard)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    with train(shard, framework="dlpack") as first, val(shard, framework="dlpack") as second:
        sums = [float(array.sum(dtype=float)) for one in (first, second) for batch in one for (array,) in batch]
    assert json.loads(done.stdout) == sums


@pytest.mark.parametrize("ctx", [[], ["cpu", "gpu"], ("cpu", 0), 0, "gpu:", "gpu:-1", "gpu:one", "GPU", "gpu 1"])
def test_devices_that_are_none(ctx: Any) -> None:
    with pytest.raises(ConfigError, match="ctx must be 'cpu', 'gpu', 'gpu:1' or a list of those of one kind"):
        val(Path("none.rec"), ctx=ctx, framework="dlpack")


@pytest.mark.parametrize(
    ("ctx", "numbers"), [("gpu", [0]), ("gpu:1", [1]), (["gpu:1", "gpu"], [1, 0]), (("gpu:0", "gpu:1"), [0, 1])]
)
def test_gpus_by_name(ctx: Any, numbers: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlpack, "_count_gpus", lambda: 2)
    assert dlpack.devices(ctx) == [Device("gpu", number) for number in numbers]


def test_gpus_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlpack, "_count_gpus", lambda: 1)
    with pytest.raises(ConfigError, match="ctx has gpu:1, and DALI finds 1 GPU here"):
        val(Path("none.rec"), ctx=["gpu", "gpu:1"], framework="dlpack")


def test_dali_counts_the_gpus() -> None:
    """As the tests themselves do, by the driver."""
    assert bool(dlpack._count_gpus()) == cuda_device_present()


def test_batches_of_the_host_are_not_copied_to_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlpack, "_count_gpus", lambda: 1)
    with pytest.raises(ConfigError, match=r"device='cpu' makes batches on the host, .*cannot copy them to ctx='gpu'"):
        val(Path("none.rec"), ctx="gpu", device="cpu", framework="dlpack")


def test_a_device_that_the_framework_has_not() -> None:
    with pytest.raises(ConfigError, match="device='gpu' needs GPUs in ctx"):
        val(Path("none.rec"), device="gpu", framework="dlpack")


def test_a_network_is_for_its_own_framework() -> None:
    with pytest.raises(ConfigError, match=r"anchors must be an array \(1, N, 4\) or \(N, 4\), not"):
        train(Path("none.rec"), anchors=object(), framework="dlpack")


def test_a_framework_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"framework must be mxnet or dlpack.*, not 'caffe'"):
        val(Path("none.rec"), framework="caffe")
