"""The processes that a launcher has started meet, and leave each other at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")

from dali_ssd.errors import ConfigError, LaunchError  # noqa: E402
from dali_ssd.torch import joined_processes  # noqa: E402
from tests.support.announced import by_hand, open_mpi  # noqa: E402
from tests.support.paths import ROOT  # noqa: E402
from tests.support.ports import own_port  # noqa: E402
from tests.support.processes import in_processes  # noqa: E402
from tests.support.torch_joined import found, waited  # noqa: E402


def met(rank: int) -> dict[str, Any]:
    """What one of two processes should find."""
    return {
        "rank": rank, "size": 2, "device": "cpu", "backend": "gloo", "sum": 3.0, "all": [0, 1], "first": "of rank 0",
        "error": "DatasetError: no file in rank 0", "left": True,
    }  # fmt: skip


def test_one_process_without_a_launcher() -> None:
    alone = found()
    assert alone == met(0) | {"size": 1, "sum": 1.0, "all": [0]}


@pytest.mark.parametrize("launcher", [open_mpi, by_hand])
def test_processes_of_other_launchers_meet(launcher: Any) -> None:
    port = own_port()
    assert in_processes("spawn", found, [(launcher(rank, port),) for rank in range(2)]) == [met(0), met(1)]


@pytest.mark.parametrize("store", ["1", "0"], ids=["torchrun's store", "own store"])
def test_processes_of_torchrun_meet(tmp_path: Path, store: str) -> None:
    """At the port of torchrun itself, or where it leaves the port to rank 0."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(own_port())]
    environ = os.environ | {"PYTHONPATH": str(ROOT), "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "0" if store == "1" else "1"}
    done = subprocess.run(
        [*command, "-m", "tests.support.torch_joined", str(tmp_path)],
        env=environ, capture_output=True, text=True, cwd=ROOT, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)] == [met(0), met(1)]


def test_nobody_waits_for_ever() -> None:
    port = own_port()
    first, second = in_processes("spawn", waited, [(open_mpi(rank, port),) for rank in range(2)])
    assert "imeout" in first or "imed out" in first, first
    assert second == ""


def test_processes_that_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in open_mpi(0, own_port()).items():
        monkeypatch.setenv(name, value)
    says = r"^the processes have not met within 1 s: .*; are all of them running"
    with pytest.raises(LaunchError, match=says), joined_processes("cpu", timedelta(seconds=1)):
        pass
    assert not torch.distributed.is_initialized()


def test_variables_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (by_hand(3, 29500) | {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="announces rank 3 of 2"), joined_processes():
        pass


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(("device", "message"), [("cuda", "PyTorch finds 0 GPUs here"), ("gpu", "device must be a")])
def test_devices_that_are_not_there(device: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message), joined_processes(device):
        pass


def test_the_group_ends_with_an_error() -> None:
    with pytest.raises(ZeroDivisionError), joined_processes("cpu") as device:
        assert device == torch.device("cpu") and torch.distributed.get_world_size() == 1
        raise ZeroDivisionError
    assert not torch.distributed.is_initialized()
