"""Values of the first device of rank 0 on all devices of all processes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.gluon.distributed.sharing import share, share_running_means
from dali_ssd.gluon.distributed.workers import OneWorker, plain_parameters
from tests.support.team import Member, together

Values = dict[str, list[np.ndarray[Any, Any]]]


def scatter(net: Any, rank: int = 0) -> Values:
    """Give every device of every process values of its own."""
    rng = np.random.default_rng(rank)
    plain_parameters(net)  # those in oneDNN's layout cannot be assigned to
    for _, parameter in sorted(net._collect_params_with_prefix().items()):
        if not isinstance(parameter, mx.gluon.Constant):
            for data in parameter.list_data():
                data[:] = rng.normal(size=data.shape)
    return values(net)


def values(net: Any) -> Values:
    mx.nd.waitall()
    named = net._collect_params_with_prefix().items()
    return {name: [data.asnumpy() for data in parameter.list_data()] for name, parameter in named}


def is_running(name: str) -> bool:
    return "running" in name or "moving" in name  # two words for it in one network


def test_running_means_of_all_devices_are_those_of_device_0(make_net: Any) -> None:
    net = make_net(devices=3)
    before = scatter(net)
    share_running_means(net, OneWorker())
    after = values(net)
    assert sum(map(is_running, after)) > 10
    for name, copies in after.items():
        for number, copy in enumerate(copies):
            np.testing.assert_array_equal(copy, before[name][0 if is_running(name) else number], err_msg=name)


def test_constants_are_left_alone(make_net: Any) -> None:
    """They are as large as all running means, and the same everywhere."""
    net = make_net(devices=2)
    constants = {n for n, p in net._collect_params_with_prefix().items() if isinstance(p, mx.gluon.Constant)}
    assert constants
    for name in constants:
        for number, data in enumerate(net._collect_params_with_prefix()[name].list_data()):
            data[:] = number
    before = values(net)
    share_running_means(net, OneWorker())
    after = values(net)
    for name in constants:
        for one, other in zip(before[name], after[name], strict=True):
            np.testing.assert_array_equal(one, other)
        assert (after[name][1] == 1).all()


def test_running_means_of_all_processes_are_those_of_rank_0(make_net: Any) -> None:
    nets = [make_net() for _ in range(3)]
    before = [scatter(net, rank) for rank, net in enumerate(nets)]
    assert together(3, lambda one: share_running_means(nets[one.rank], one)) == [None] * 3
    for rank, net in enumerate(nets):
        for name, [copy] in values(net).items():
            np.testing.assert_array_equal(copy, before[0 if is_running(name) else rank][name][0], err_msg=name)


def test_weights_of_rank_0_go_to_all_in_any_shape(make_net: Any) -> None:
    nets = [make_net() for _ in range(3)]
    before = [scatter(net, rank) for rank, net in enumerate(nets)]

    def send(one: Member) -> None:
        parameters = nets[one.rank]._collect_params_with_prefix()
        share([parameters[name] for name in sorted(parameters) if name.startswith("class_predictors")], one)

    assert together(3, send) == [None] * 3
    for rank, net in enumerate(nets):
        for name, [copy] in values(net).items():
            shared = name.startswith("class_predictors")
            np.testing.assert_array_equal(copy, before[0 if shared else rank][name][0], err_msg=name)


def test_one_device_alone_pays_nothing(make_net: Any) -> None:
    net = make_net()

    def run(one: Member) -> int:
        share_running_means(net, one)
        return one.additions

    before = values(net)
    assert together(1, run) == [0]
    for name, [copy] in values(net).items():
        np.testing.assert_array_equal(copy, before[name][0])


def test_a_network_without_running_means_has_nothing_to_share() -> None:
    net = mx.gluon.nn.Dense(2, in_units=3)
    net.initialize()

    def run(one: Member) -> int:
        share_running_means(net, one)
        return one.additions

    assert together(1, run) == [0]
