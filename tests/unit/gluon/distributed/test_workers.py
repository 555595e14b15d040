"""The only process of a run without an engine. Those of engines run in tests/engines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.errors import ConfigError
from dali_ssd.gluon.distributed.workers import OneWorker, plain_parameters

SGD = {"learning_rate": 0.5, "wd": 0.0, "momentum": 0.0}


def test_a_store_that_this_mxnet_was_not_built_with() -> None:
    with pytest.raises(
        ConfigError, match=r"^--kvstore nccl: this build of MXNet has none \(.*[Nn][Cc][Cc][Ll].*\); leave"
    ):
        OneWorker("nccl")


def test_it_is_all_there_is() -> None:
    one, values = OneWorker(), mx.nd.arange(3)
    assert (one.rank, one.size, one.local_rank, one.local_size) == (0, 1, 0, 1)
    assert one.add(values) is values
    with one.peers:
        one.abandon()


def dense(devices: int) -> Any:
    """A layer that is different on each device."""
    net = mx.gluon.nn.Dense(2, in_units=3)
    net.initialize(ctx=[mx.cpu(number) for number in range(devices)])
    for number, data in enumerate(net.weight.list_data()):
        data[:] = number
    return net


@pytest.mark.parametrize("kvstore", ["device", "local"])
def test_the_trainer_gives_all_devices_the_weights_of_the_first_and_sums_gradients(kvstore: str) -> None:
    net = dense(devices=2)
    trainer = OneWorker(kvstore).trainer(net, SGD)
    assert [data.asnumpy().max() for data in net.weight.list_data()] == [0, 0]
    with mx.autograd.record():
        losses = [net(mx.nd.ones((1, 3), ctx=mx.cpu(number))).sum() * (number + 1) for number in range(2)]
    mx.autograd.backward(losses)
    trainer.step(1)
    for data in net.weight.list_data():
        np.testing.assert_array_equal(data.asnumpy(), np.full((2, 3), -1.5))


def test_parameters_of_a_network_that_has_run_keep_their_values(make_net: Any, weights_of: Any) -> None:
    """On a CPU some of them are in oneDNN's layout by then; tests/engines sends them."""
    net = make_net()
    before = weights_of(net)
    assert set(plain_parameters(net)) == set(net.collect_params())
    after = weights_of(net)
    assert all((before[name] == after[name]).all() for name in before)
