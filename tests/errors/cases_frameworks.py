"""The loaders for PyTorch and JAX; their cases are skipped where these are not installed."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.errors.cases import Case
from tests.support.announced import by_hand, torchrun
from tests.support.ports import own_port
from tests.support.shards import write_random


def of_torch(**options: Any) -> Case:
    """What a loader for PyTorch says of options."""

    def case(folder: Path, _: pytest.MonkeyPatch) -> object:
        pytest.importorskip("torch")
        return import_module("dali_ssd.torch").ValLoader(folder / "none.rec", **options)

    return case


def started_by_torchrun(folder: Path, patch: pytest.MonkeyPatch) -> object:
    for name, value in torchrun(0).items():
        patch.setenv(name, value)
    return of_torch()(folder, patch)


def alone_of_two(_: Path, patch: pytest.MonkeyPatch) -> object:
    pytest.importorskip("torch")
    for name, value in by_hand(0, own_port()).items():
        patch.setenv(name, value)
    with import_module("dali_ssd.torch").joined_processes("cpu", timedelta(seconds=1)) as device:
        return device


def of_jax(**options: Any) -> Case:
    """What a loader for JAX says of options."""

    def case(folder: Path, _: pytest.MonkeyPatch) -> object:
        pytest.importorskip("jax")
        return import_module("dali_ssd.jax").ValLoader(folder / "none.rec", **options)

    return case


def device_of_another_process(folder: Path, _: pytest.MonkeyPatch) -> object:
    pytest.importorskip("jax")
    (shard,) = write_random(folder, 4)
    return import_module("tests.support.jax_rank").run_two(shard)[0]["other's"]


CASES: dict[str, Case] = {
    "device must be a torch.device": of_torch(device=3.5),
    "device must be the CPU or": of_torch(device="mps"),
    "and PyTorch finds": of_torch(device="cuda:99"),
    "dtype must be torch.float32": of_torch(dtype="int8"),
    "memory_format must be": of_torch(memory_format="NHWC"),
    "give both world_size and rank": of_torch(rank=0),
    "the processes have not met within": alone_of_two,
    "is not initialized; call": started_by_torchrun,
    "device must be a jax.Device": of_jax(device="tpu"),
    "give one of jax.local_devices()": device_of_another_process,
    "dtype must be jnp.float32": of_jax(dtype="int8"),
}
