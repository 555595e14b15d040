from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.errors import ConfigError, MissingDependencyError
from dali_ssd.gluon.training.distributed import HorovodWorkers, OneWorker, loader_threads


def test_without_horovod_the_command_that_builds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "horovod", None)
    with pytest.raises(MissingDependencyError, match="run: tools/build-horovod "):
        HorovodWorkers()


@pytest.fixture
def horovod(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """A Horovod of four processes on two machines, as process 3 sees it; another process wants to stop."""
    calls: list[tuple[str, Any]] = []
    module: Any = ModuleType("horovod.mxnet")
    module.init = lambda: calls.append(("init", None))
    module.rank, module.size, module.local_rank, module.local_size = (lambda: 3), (lambda: 4), (lambda: 1), (lambda: 2)
    module.broadcast_parameters = lambda parameters, root_rank: calls.append(("broadcast", root_rank))
    module.DistributedTrainer = lambda parameters, name, options: (name, options)
    module.allreduce = lambda array, average, name: array + 1
    monkeypatch.setitem(sys.modules, "horovod", ModuleType("horovod"))
    monkeypatch.setitem(sys.modules, "horovod.mxnet", module)
    return calls


def test_horovod_as_gluoncv_uses_it(horovod: list[tuple[str, Any]], make_net: Any) -> None:
    workers = HorovodWorkers()
    assert (workers.rank, workers.size) == (3, 4)
    assert workers.trainer(make_net(), {"learning_rate": 0.1}) == ("sgd", {"learning_rate": 0.1})
    assert horovod == [("init", None), ("broadcast", 0)]


def test_processes_agree_at_every_tenth_step(horovod: list[tuple[str, Any]]) -> None:
    workers = HorovodWorkers()
    assert workers.any(False, 10)
    assert not workers.any(True, 11)


@pytest.mark.parametrize(("gpus", "device"), [(0, mx.cpu()), (2, mx.gpu(1))])
def test_each_process_has_its_gpu(
    horovod: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch, gpus: int, device: mx.Context
) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: gpus)
    assert HorovodWorkers().device() == device


def test_more_processes_than_gpus(horovod: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 1)
    with pytest.raises(ConfigError, match="2 Horovod processes on a machine with 1 GPU: start 1"):
        HorovodWorkers().device()


def test_one_worker_answers_for_itself() -> None:
    assert OneWorker().any(True, 11)
    assert not OneWorker().any(False, 10)


@pytest.mark.parametrize(("cores", "asked", "threads"), [(8, 0, 4), (8, 3, 3), (1, 0, 1)])
def test_processes_on_one_machine_share_its_cores(
    horovod: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch, cores: int, asked: int, threads: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    assert loader_threads(asked, HorovodWorkers()) == threads
    assert loader_threads(asked, OneWorker()) == (asked or cores)
