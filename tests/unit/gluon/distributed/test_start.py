"""Which engine is started, and on which device: what launchers and machines that do not fit are told."""

from __future__ import annotations

import os
from typing import Any

import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.errors import ConfigError
from dali_ssd.gluon.distributed.start import own_device, start_workers
from dali_ssd.gluon.distributed.workers import OneWorker
from dali_ssd.gluon.options import TrainConfig
from tests.support.engines import LAUNCHERS
from tests.support.team import together

MPIRUN = {"RANK": "1", "SIZE": "2", "LOCAL_RANK": "1", "LOCAL_SIZE": "2"}


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(LAUNCHERS)]:
        monkeypatch.delenv(name)


def mpirun(monkeypatch: pytest.MonkeyPatch, **numbers: str) -> None:
    for name, number in (MPIRUN | numbers).items():
        monkeypatch.setenv(f"OMPI_COMM_WORLD_{name}", number)


@pytest.mark.parametrize("kvstore", ["device", "local"])
def test_without_an_engine_there_is_one_process(kvstore: Any) -> None:
    assert isinstance(start_workers(TrainConfig(kvstore=kvstore)), OneWorker)


def test_a_launcher_of_one_process_needs_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    mpirun(monkeypatch, RANK="0", SIZE="1", LOCAL_RANK="0", LOCAL_SIZE="1")
    assert start_workers(TrainConfig()).size == 1


@pytest.mark.parametrize("kvstore", ["device", "local"])
def test_several_processes_without_an_engine_are_refused(kvstore: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mpirun(monkeypatch)
    with pytest.raises(
        ConfigError, match=r"^Open MPI announces 2 processes, but training without --horovod or .* sees 1"
    ):
        start_workers(TrainConfig(kvstore=kvstore))


def test_nccl_is_refused_where_mxnet_has_none() -> None:
    with pytest.raises(ConfigError, match=r"--kvstore nccl: this build of MXNet has none"):
        start_workers(TrainConfig(kvstore="nccl"))


@pytest.mark.parametrize(
    ("gpus", "wanted"), [(0, [mx.cpu()] * 2), (2, [mx.gpu(0), mx.gpu(1)]), (8, [mx.gpu(0), mx.gpu(1)])]
)
def test_each_process_has_a_device_of_its_own(gpus: int, wanted: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: gpus)
    assert together(2, own_device) == wanted


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 1)
    first, second = together(2, own_device)
    assert first == mx.gpu(0) and isinstance(second, ConfigError)
    assert str(second) == "2 processes on a machine with 1 GPU: start 1"
