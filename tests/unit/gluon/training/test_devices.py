from __future__ import annotations

import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.errors import ConfigError
from dali_ssd.gluon.training.devices import devices_of


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: request.param)


@pytest.mark.parametrize(
    ("gpus", "option", "devices"),
    [
        (0, "", [mx.cpu()]),
        (0, "auto", [mx.cpu()]),
        (2, "", [mx.cpu()]),
        (2, "auto", [mx.gpu(0)]),
        (2, "1", [mx.gpu(1)]),
        (2, "1, 0,", [mx.gpu(1), mx.gpu(0)]),
    ],
    indirect=["gpus"],
)
def test_devices(gpus: None, option: str, devices: list[mx.Context]) -> None:
    assert devices_of(option) == devices


@pytest.mark.parametrize(
    ("gpus", "option", "message"),
    [
        (0, "0", "no GPU 0; leave it out to train on the CPU"),
        (2, "0,2", "no GPU 2; there are 2"),
        (2, "-1", "no GPU -1"),
        (2, "0,0", "twice"),
        (2, "all", "'all'"),
    ],
    indirect=["gpus"],
)
def test_devices_that_are_not_there(gpus: None, option: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        devices_of(option)
