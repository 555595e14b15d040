"""How the cores of a host are shared among processes that a launcher, or nobody, tells of each other."""

from __future__ import annotations

import os
from typing import Any

import pytest

from dali_ssd.config import PipelineConfig
from dali_ssd.launch import cores
from dali_ssd.launch.cores import threads_of_process, with_own_threads
from dali_ssd.util.parallel import available_cores
from tests.support.announced import by_hand, open_mpi, torchrun

HALF = max(1, available_cores() // 2)


@pytest.fixture(autouse=True)
def untold() -> None:
    """Let the warning come in each test, whatever came before."""
    cores._warn_of_sharing.cache_clear()


def announce(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    """Set what a launcher sets for its processes."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_one_process_alone_has_all_cores(caplog: pytest.LogCaptureFixture) -> None:
    assert threads_of_process(1) == available_cores()
    assert not caplog.messages


@pytest.mark.parametrize("variables", [torchrun(1), open_mpi(1)], ids=["torchrun", "mpirun"])
def test_a_process_that_is_bound_has_no_more_than_its_cores(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variables: dict[str, str]
) -> None:
    announce(monkeypatch, variables)
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(own)[:1])
    try:
        assert threads_of_process(2) == 1
    finally:
        os.sched_setaffinity(0, own)
    assert threads_of_process(2) == HALF
    assert not caplog.messages


@pytest.mark.parametrize("variables", [{}, by_hand(1)], ids=["nothing", "by hand"])
def test_where_nothing_tells_who_shares_the_host_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variables: dict[str, str]
) -> None:
    announce(monkeypatch, variables)
    for _ in range(2):
        assert threads_of_process(2) == available_cores()
    [message] = caplog.messages
    assert message.startswith(
        "no launcher tells how many of 2 processes are on this host: num_threads='auto' takes all"
    )


def test_a_number_that_is_given_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, torchrun(1))
    three: dict[str, Any] = {"pipeline": PipelineConfig(num_threads=3)}
    assert with_own_threads({"num_threads": 3}, 2) == {"num_threads": 3}
    assert with_own_threads(three, 2) == three
    assert with_own_threads({**three, "num_threads": "auto"}, 2)["num_threads"] == HALF
    assert with_own_threads({}, 2) == {"num_threads": HALF}
