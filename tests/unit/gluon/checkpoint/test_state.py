from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.errors import CheckpointError
from dali_ssd.gluon.checkpoint.state import (
    optimizer_arrays,
    parameter_arrays,
    random_state,
    restore_arrays,
    restore_random_state,
    restore_running_copies,
    running_copies,
)
from dali_ssd.gluon.distributed.workers import OneWorker
from dali_ssd.gluon.networks.zoo import for_training
from dali_ssd.gluon.training.step import TrainStep

SGD = {"learning_rate": 0.01, "wd": 0.0005, "momentum": 0.9}


@pytest.mark.parametrize("devices", [1, 2])
def test_a_restored_training_makes_the_same_step(make_net: Any, make_batch: Any, devices: int) -> None:
    nets = [make_net(devices, seed=seed) for seed in (1, 2)]
    trainers = [OneWorker().trainer(net, SGD) for net in nets]
    steps = [TrainStep(net, trainer) for net, trainer in zip(nets, trainers, strict=True)]
    for net in nets:
        for_training(net)
    batches = [make_batch(number, devices=devices) for number in range(3)]
    for batch in batches[:2]:
        steps[0](batch)
    arrays = parameter_arrays(nets[0]) | optimizer_arrays(nets[0], trainers[0])
    restore_arrays(nets[1], trainers[1], arrays)
    restore_running_copies(nets[1], running_copies(nets[0]))
    for step in steps:
        step(batches[2])
    first, second = (parameter_arrays(net) | running_copies(net) for net in nets)
    assert any(name.startswith("copy/1/") for name in first) == (devices > 1)
    assert [name for name in first if (first[name] != second[name]).any()] == []
    one, two = (optimizer_arrays(net, trainer) for net, trainer in zip(nets, trainers, strict=True))
    assert one
    assert all((one[name] == two[name]).all() for name in one)


def test_without_momentum_there_is_no_state(make_net: Any, make_batch: Any) -> None:
    net = make_net()
    trainer = OneWorker().trainer(net, SGD | {"momentum": 0.0})
    TrainStep(net, trainer)(make_batch())
    assert optimizer_arrays(net, trainer) == {}


def test_another_network_is_refused_before_anything_changes(make_net: Any, weights_of: Any) -> None:
    net = make_net()
    before = weights_of(net)
    trainer = OneWorker().trainer(net, SGD)
    arrays = parameter_arrays(make_net(seed=5))
    name = sorted(arrays)[0]
    for wrong in (
        {key: array for key, array in arrays.items() if key != name},
        arrays | {name: arrays[name][:1] if arrays[name].shape[0] > 1 else np.zeros((7,), np.float32)},
        arrays | {"parameters/more": np.zeros(1, np.float32)},
    ):
        with pytest.raises(CheckpointError, match="another network: 1 parameter of another kind, such as"):
            restore_arrays(net, trainer, wrong)
    after = weights_of(net)
    assert all((before[key] == after[key]).all() for key in before)


def draw() -> list[float]:
    return [random.random(), float(np.random.rand()), float(mx.nd.random.uniform().asscalar())]


def test_random_numbers_go_on_as_they_would_have() -> None:
    state = random_state(seed=3, step=7)
    expected = draw()
    draw()
    restore_random_state(state, seed=3, step=7)
    assert draw() == expected
