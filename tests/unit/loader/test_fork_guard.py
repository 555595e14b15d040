from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dali_ssd.loader import fork_guard as forks
from dali_ssd.loader.fork_guard import no_fork

Started = Callable[[str | bytes], threading.Event]


@pytest.fixture
def started() -> Iterator[Started]:
    """Starts a thread of that name, which works until the event is set."""
    events: list[threading.Event] = []

    def start(name: str | bytes) -> threading.Event:
        event, running = threading.Event(), threading.Event()
        events.append(event)

        def work() -> None:
            comm = Path(f"/proc/self/task/{threading.get_native_id()}/comm")
            comm.write_bytes(name.encode() if isinstance(name, str) else name)
            running.set()
            while not event.is_set():
                pass

        threading.Thread(target=work, daemon=True).start()
        assert running.wait(60)
        return event

    yield start
    for event in events:
        event.set()


def fork(in_child: Callable[[], object] = lambda: None) -> float:
    """Seconds until there is a child; it must end well."""
    begin = time.monotonic()
    child = os.fork()
    if not child:
        code = 1
        try:
            in_child()
            code = 0
        finally:
            os._exit(code)
    took = time.monotonic() - begin
    assert os.waitpid(child, 0)[1] == 0
    return took


@contextmanager
def forking() -> Iterator[None]:
    """Act as if this thread were in the middle of a fork."""
    forks._before()
    try:
        yield
    finally:
        forks._in_parent()


@contextmanager
def in_thread(work: Callable[[], object]) -> Iterator[None]:
    """Run something in parallel, and end it afterwards."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


@contextmanager
def one_inside() -> Iterator[None]:
    """Another thread that gives DALI work all the time."""
    entered, leave = threading.Event(), threading.Event()

    def work() -> None:
        with no_fork():
            entered.set()
            leave.wait(60)

    with in_thread(work):
        assert entered.wait(60)
        try:
            yield
        finally:
            leave.set()


def enter_and_set(event: threading.Event) -> None:
    with no_fork():
        event.set()


@pytest.mark.parametrize("name", ["[DALI][TP0]Exec", "PrefetchWorker 0"])
def test_a_fork_waits_for_dali(started: Started, name: str) -> None:
    event = started(name)
    threading.Timer(0.5, event.set).start()
    fork()
    assert event.is_set()


@pytest.mark.parametrize("name", ["others", b"thread of Zo\xc3"])
def test_a_fork_waits_for_no_other_thread(started: Started, monkeypatch: pytest.MonkeyPatch, name: str | bytes) -> None:
    monkeypatch.setattr(forks, "_TIMEOUT_S", 20.0)
    started(name)
    assert fork() < 10


def test_a_fork_by_a_thread_of_dali_does_not_wait_for_itself() -> None:
    found: list[bool] = []

    def look() -> None:
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text("[DALI][TP0]Exec")
        found.append(str(threading.get_native_id()) in forks._threads_of_dali())

    with in_thread(look):
        pass
    assert found == [False]


def test_a_fork_does_not_wait_for_ever(
    started: Started, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(forks, "_TIMEOUT_S", 0.2)
    event = started("[DALI] Executor")
    assert fork() > 0.1
    assert not event.is_set()
    assert "DALI is at work" in caplog.text


def test_a_fork_without_proc_goes_ahead(started: Started, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(forks, "_TIMEOUT_S", 20.0)
    monkeypatch.setattr(forks, "_THREADS", tmp_path / "none")
    started("[DALI] Executor")
    assert fork() < 10


def test_a_fork_that_waits_no_longer_for_those_inside_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(forks, "_TIMEOUT_S", 0.1)
    with one_inside():
        fork()
    assert "DALI is at work" in caplog.text


def test_ctrl_c_ends_the_wait(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def interrupted() -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(forks, "_comes_to_rest", interrupted)
    fork()
    assert "DALI is at work" in caplog.text


def test_a_fork_waits_for_those_who_give_work() -> None:
    inside, outside = threading.Event(), threading.Event()

    def work() -> None:
        with no_fork():
            inside.set()
            time.sleep(0.5)
            outside.set()

    with in_thread(work):
        assert inside.wait(60)
        fork()
        assert outside.is_set()


def test_work_waits_for_a_fork() -> None:
    entered = threading.Event()
    with forking():
        threading.Thread(target=enter_and_set, args=(entered,), daemon=True).start()
        assert not entered.wait(0.3)
    assert entered.wait(60)


def test_work_waits_for_the_last_of_two_forks() -> None:
    begun, go, entered = threading.Event(), threading.Event(), threading.Event()

    def other() -> None:
        with forking():
            begun.set()
            go.wait(60)

    with in_thread(other):
        assert begun.wait(60)
        with forking():
            threading.Thread(target=enter_and_set, args=(entered,), daemon=True).start()
        assert not entered.wait(0.3)
        go.set()
    assert entered.wait(60)


def test_work_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal's exception may keep a fork from saying that it is over."""
    monkeypatch.setattr(forks, "_TIMEOUT_S", 0.1)
    forks._forking.add(-1)
    with no_fork():
        assert not forks._forking


def test_work_inside_work_does_not_wait_for_a_fork_that_waits_for_it() -> None:
    begun, forked = threading.Event(), threading.Event()

    def other() -> None:
        begun.set()
        fork()
        forked.set()

    with no_fork():
        threading.Thread(target=other, daemon=True).start()
        assert begun.wait(60)
        assert not forked.wait(0.3)
        with no_fork():
            assert not forked.is_set()
    assert forked.wait(60)


def test_work_may_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """As DALI does for operators in Python that run in processes of their own."""
    monkeypatch.setattr(forks, "_TIMEOUT_S", 20.0)

    def leave() -> None:
        context.__exit__(None, None, None)
        assert not forks._inside

    context = no_fork()
    with context:
        assert fork(leave) < 10


def test_a_child_begins_with_nobody_inside_and_no_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "_TIMEOUT_S", 0.1)
    before = forks._change

    def look() -> None:
        assert forks._change is not before
        assert not forks._inside
        assert not forks._forking

    with one_inside():
        forks._forking.add(-1)  # as if another thread were forking
        try:
            fork(look)
        finally:
            forks._forking.clear()
