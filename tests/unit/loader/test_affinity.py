"""Processes that bind themselves near their GPU, on machines that exist only in these tests.

The driver and the kernel's lists are the tests' own; the binding itself is the real one, tested with `util.cores`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.errors import PluginError
from dali_ssd.loader import affinity
from dali_ssd.loader.affinity import bind_near, bound_by_dali
from dali_ssd.util import cores
from tests.support.driver import install_driver

TWO_SOCKETS = ("0-3,8-11", "0-3,8-11", "4-7,12-15", "4-7,12-15")
"""The cores near each of four GPUs."""


class Machine:
    """A machine with these cores and GPUs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, near: Sequence[str], online: str) -> None:
        self.bound: list[Any] = []
        self._patch = monkeypatch
        (folder / "online").write_text(f"{online}\n")
        for number, listed in enumerate(near):
            (folder / f"0000:a{number}:00.0").mkdir()
            (folder / f"0000:a{number}:00.0" / "local_cpulist").write_text(f"{listed}\n")
        monkeypatch.setattr(cores, "_ONLINE", folder / "online")
        monkeypatch.setattr(cores, "_PCI", folder)
        monkeypatch.setattr(affinity, "bind_process", self.bound.append)
        self.allow(cores.all_cores())
        install_driver(folder / "lib", monkeypatch, *[90 for _ in near])

    def allow(self, mine: set[int]) -> None:
        self._patch.setattr(os, "sched_getaffinity", lambda _: mine)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch, TWO_SOCKETS, "0-15")


def test_each_rank_gets_its_share_of_the_cores_near_its_gpu(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        parts = [bind_near(rank, rank, 4) for rank in range(4)]
    assert parts == machine.bound == [(0, 2, 8, 10), (1, 3, 9, 11), (4, 6, 12, 14), (5, 7, 13, 15)]
    assert caplog.messages[2] == "bound to 4 cores near GPU 2: 4,6,12,14"


def test_gpus_of_no_rank_take_no_cores(machine: Machine) -> None:
    assert [bind_near(rank, rank, 3) for rank in range(3)] == [
        (0, 2, 8, 10),
        (1, 3, 9, 11),
        (4, 5, 6, 7, 12, 13, 14, 15),
    ]


@pytest.mark.parametrize(("visible", "gpu"), [("2", 0), ("2,0", 0), ("0,2", 1)])
def test_a_rank_that_sees_not_all_gpus_gets_all_cores_near_its_own(
    machine: Machine, visible: str, gpu: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot know whom it shares them with."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert bind_near(gpu, 2, 4) == (4, 5, 6, 7, 12, 13, 14, 15)


def test_a_process_alone_keeps_all_cores(machine: Machine) -> None:
    assert bind_near(2, 0, 1) == () and machine.bound == []


def test_one_that_was_bound_before_stays_so(machine: Machine) -> None:
    machine.allow({4, 5})
    assert bind_near(2, 2, 4) == () and machine.bound == []


@pytest.mark.parametrize("near", ["0-7", "", "none"])
def test_where_all_cores_are_as_near_nothing_is_bound(
    near: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, monkeypatch, [near, near], "0-7")
    assert [bind_near(rank, rank, 2) for rank in range(2)] == [(), ()]
    assert machine.bound == []


def test_a_driver_that_does_not_answer_is_an_error(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_driver(tmp_path / "broken", monkeypatch, 90, start="803")
    with pytest.raises(PluginError, match="cuInit returns 803"):
        bind_near(0, 0, 2)
    assert machine.bound == []


def test_dali_binds_the_threads_of_several_gpus_in_one_process() -> None:
    assert bound_by_dali("gpu", 2)
    assert not bound_by_dali("gpu", 1) and not bound_by_dali("cpu", 2)
