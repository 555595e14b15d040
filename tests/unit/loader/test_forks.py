from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dali_ssd.loader import forks
from dali_ssd.loader.forks import no_fork
from tests.processes import in_processes

Started = Callable[[str], threading.Event]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Starts a thread of that name, which works until the event is set."""

    def start(name: str) -> threading.Event:
        event, running = threading.Event(), threading.Event()

        def work() -> None:
            Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name)
            running.set()
            while not event.is_set():
                pass

        threading.Thread(target=work, daemon=True).start()
        assert running.wait(60)
        return event

    return start


def forked_after() -> float:
    """Seconds until there is a child."""
    begin = time.monotonic()
    child = os.fork()
    if not child:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return time.monotonic() - begin


@pytest.mark.parametrize("name", ["[DALI][TP0]Exec", "PrefetchWorker 0"])
def test_a_fork_waits_for_dali(started: Started, name: str) -> None:
    event = started(name)
    threading.Timer(0.5, event.set).start()
    assert forked_after() > 0.3
    assert event.is_set()


def test_a_fork_waits_for_no_other_thread(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "_PATIENCE", 600.0)
    event = started("others")
    forked_after()
    assert not event.is_set()
    event.set()


def test_a_fork_does_not_wait_for_ever(
    started: Started, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(forks, "_PATIENCE", 0.2)
    event = started("[DALI] Executor")
    assert forked_after() > 0.1
    event.set()
    assert "DALI is at work since" in caplog.text


def test_a_fork_waits_for_those_who_give_work() -> None:
    inside, outside = threading.Event(), threading.Event()

    def work() -> None:
        with no_fork():
            inside.set()
            time.sleep(0.5)
            outside.set()

    threading.Thread(target=work, daemon=True).start()
    assert inside.wait(60)
    forked_after()
    assert outside.is_set()


def test_work_waits_for_a_fork() -> None:
    entered = threading.Event()

    def enter() -> None:
        with no_fork():
            entered.set()

    forks._before()
    threading.Thread(target=enter, daemon=True).start()
    assert not entered.wait(0.3)
    forks._in_parent()
    assert entered.wait(60)


def test_work_waits_for_two_forks_at_once() -> None:
    begun, go, entered = threading.Event(), threading.Event(), threading.Event()

    def fork() -> None:
        forks._before()
        begun.set()
        go.wait(60)
        forks._in_parent()

    def enter() -> None:
        with no_fork():
            entered.set()

    forks._before()
    threading.Thread(target=fork, daemon=True).start()
    assert begun.wait(60)
    threading.Thread(target=enter, daemon=True).start()
    forks._in_parent()
    assert not entered.wait(0.3)
    go.set()
    assert entered.wait(60)


def test_a_child_can_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "_PATIENCE", 0.1)
    with no_fork():  # as if another thread of the parent never returned
        assert in_processes("fork", _enter, [()]) == ["entered"]


def _enter() -> str:
    with no_fork():
        return "entered"
