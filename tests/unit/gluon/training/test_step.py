from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.gluon.distributed.workers import OneWorker
from dali_ssd.gluon.networks.zoo import for_training
from dali_ssd.gluon.training.step import TrainStep

SGD = {"learning_rate": 0.01, "wd": 0.0005, "momentum": 0.9}


def finite(weights: dict[str, Any]) -> bool:
    return all(np.isfinite(array).all() for array in weights.values())


def test_training_moves_the_weights(
    make_net: Any, make_batch: Any, weights_of: Callable[[Any], dict[str, Any]]
) -> None:
    net = make_net()
    before = weights_of(net)
    step = TrainStep(net, OneWorker().trainer(net, SGD))
    for_training(net)
    [losses] = step(make_batch())
    cross_entropy, smooth_l1, highest = losses.asnumpy()
    assert cross_entropy > 0
    assert smooth_l1 > 0
    assert highest == 1
    after = weights_of(net)
    assert finite(after)
    assert any((before[name] != after[name]).any() for name in before if name.startswith("class_predictors"))


@pytest.mark.parametrize("hybridized", [True, False])
def test_a_batch_without_a_positive_anchor_neither_raises_nor_makes_nan(
    make_net: Any, make_batch: Any, weights_of: Callable[[Any], dict[str, Any]], hybridized: bool
) -> None:
    net = make_net()
    step = TrainStep(net, OneWorker().trainer(net, SGD))
    if hybridized:
        for_training(net)
    step(make_batch(0))
    for number in (1, 2):
        [losses] = step(make_batch(number, positives=0))
        assert losses.asnumpy().tolist() == [0, 0, 0]
    assert finite(weights_of(net))
    [losses] = step(make_batch(3))
    assert np.isfinite(losses.asnumpy()).all()
    assert finite(weights_of(net))


def test_two_devices_learn_the_same(make_net: Any, make_batch: Any) -> None:
    net = make_net(devices=2)
    step = TrainStep(net, OneWorker().trainer(net, SGD))
    for_training(net)
    for number in range(2):
        losses = step(make_batch(number, devices=2))
        assert [loss.context for loss in losses] == [mx.cpu(0), mx.cpu(1)]
        assert all(np.isfinite(loss.asnumpy()).all() for loss in losses)
    learned = [parameter for parameter in net.collect_params().values() if parameter.grad_req != "null"]
    for parameter in learned:
        first, second = (copy.asnumpy() for copy in parameter.list_data())
        np.testing.assert_array_equal(first, second)


def test_the_first_step_counts_in_the_running_means_of_every_device(make_net: Any, make_batch: Any) -> None:
    net = make_net(devices=2)
    step = TrainStep(net, OneWorker().trainer(net, SGD))
    for_training(net)
    step(make_batch(devices=2))
    mx.nd.waitall()
    means = [p for name, p in net.collect_params().items() if name.endswith("running_mean")]
    assert means
    assert all(np.abs(copy.asnumpy()).max() > 0 for mean in means for copy in mean.list_data())
