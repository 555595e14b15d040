"""Loaders for MXNet: NDArrays on their contexts, and anchors from a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd import TrainLoader, ValLoader
from dali_ssd.errors import ConfigError
from dali_ssd.loader.frameworks import Device, mxnet
from tests.support.pipes import ANCHORS
from tests.support.shards import write_random

mx = pytest.importorskip("mxnet")

TWO = [mx.cpu(0), mx.cpu(1)]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("shards")
    write_random(folder, 10, num_shards=3)
    return str(folder / "*.rec")


def train(shards: Any, **options: Any) -> TrainLoader:
    return TrainLoader(shards, **{"anchors": ANCHORS, "batch_size": 4, "data_shape": 64, "num_threads": 2, **options})


def val(shards: Any, **options: Any) -> ValLoader:
    return ValLoader(shards, **{"batch_size": 4, "data_shape": 64, "num_threads": 2, **options})


@pytest.mark.parametrize("make", [train, val])
@pytest.mark.parametrize("ctx", [TWO[:1], TWO], ids=["one", "two"])
def test_arrays_are_on_their_devices(shards: str, make: Any, ctx: list[Any]) -> None:
    for batch in make(shards, ctx=ctx):
        for part in batch:
            assert [array.context for array in part] == ctx[: len(part)]


def test_it_takes_the_place_of_split_and_load(shards: str) -> None:
    """The shapes are those that `split_and_load` gives the same batch."""
    batch = next(iter(train(shards, ctx=TWO)))
    for part in batch:
        whole = mx.nd.concat(*part, dim=0)
        split = mx.gluon.utils.split_and_load(whole, ctx_list=TWO, batch_axis=0)
        assert [array.shape for array in split] == [array.shape for array in part]


def test_arrays_can_be_computed_with(shards: str) -> None:
    """Also in place, and with gradients: what a training loop does to its input."""
    batch = next(iter(train(shards)))
    data = batch.data[0]
    before = data.asnumpy()
    data += 1
    np.testing.assert_allclose(data.asnumpy(), before + 1, rtol=1e-6)
    data.attach_grad()
    with mx.autograd.record():
        loss = (data * data).sum()
    loss.backward()
    np.testing.assert_allclose(data.grad.asnumpy(), 2 * (before + 1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("engine", ["ThreadedEnginePerDeviceAsync", "ThreadedEngineAsync"])
def test_an_engine_that_gives_memory_back_too_early_is_refused(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU; on a CPU what it runs has run when it gives memory back."""
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 1)
    monkeypatch.setenv("MXNET_ENGINE_TYPE", engine)
    with pytest.raises(ConfigError, match=f"MXNET_ENGINE_TYPE={engine} gives DALI its memory back before"):
        val(Path("none.rec"), ctx=mx.gpu())
    assert [device.kind for device in mxnet.devices(mx.cpu())] == ["cpu"]


@pytest.mark.parametrize("engine", [None, "NaiveEngine", "ThreadedEngine", "ThreadedEnginePerDevice"])
def test_engines_that_wait_are_not(engine: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 1)
    monkeypatch.delenv("MXNET_ENGINE_TYPE", raising=False)
    if engine is not None:
        monkeypatch.setenv("MXNET_ENGINE_TYPE", engine)
    assert mxnet.devices([mx.gpu()]) == [Device("gpu", 0, mx.gpu())]


class Network(mx.gluon.Block):  # type: ignore[misc, name-defined]  # MXNet has no types
    """Answers as a GluonCV SSD does in train mode: predictions, predictions, anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = self.params.get("scale", shape=(1,))

    def forward(self, x: Any) -> tuple[Any, ...]:
        assert mx.autograd.is_training() and x.shape == (1, 3, 64, 64)
        return x, x, mx.nd.array(ANCHORS[None]) * self.scale.data()


def test_anchors_may_come_as_array_ndarray_or_network(shards: str) -> None:
    network = Network()
    network.initialize(mx.init.One())
    given = [ANCHORS, ANCHORS[None], mx.nd.array(ANCHORS[None]), network]
    first, *others = (next(iter(train(shards, anchors=anchors))) for anchors in given)
    for other in others:
        for one, same in zip(first, other, strict=True):
            np.testing.assert_array_equal(one[0].asnumpy(), same[0].asnumpy())


@pytest.mark.parametrize(
    ("ctx", "message"),
    [
        ([mx.cpu(), mx.gpu()], "ctx .*gpu"),
        ("cpu", "ctx must be an mx.Context.*'cpu'"),
        (0, "ctx must be an mx.Context.* not 0"),
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [train, val])
def test_what_is_no_context_is_named_before_any_shard_is_opened(make: Any, ctx: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(Path("none.rec"), ctx=ctx)
