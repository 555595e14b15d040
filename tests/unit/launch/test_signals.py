from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from dali_ssd.launch.signals import StopRequested, StopSignal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_is_a_request(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    with StopSignal() as stop:
        assert (stop.received, stop.exit_code) == (None, 0)
        os.kill(os.getpid(), number)
        assert (stop.received, stop.exit_code) == (number, 128 + number)
    assert "finishing this step" in capfd.readouterr().err


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in StopSignal.SIGNALS]
    with StopSignal():
        assert [signal.getsignal(number) for number in StopSignal.SIGNALS] != before
    assert [signal.getsignal(number) for number in StopSignal.SIGNALS] == before


def test_guard_ends_work_before_the_next_item() -> None:
    with StopSignal() as stop:
        items = stop.guard([1, 2, 3])
        assert next(items) == 1
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopRequested):
            next(items)


def test_outside_the_main_thread_nothing_is_touched() -> None:
    handlers = []

    def enter() -> None:
        with StopSignal():
            handlers.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert handlers == [before]


def run_script(body: str) -> subprocess.CompletedProcess[str]:
    code = "import os, signal, time\nfrom dali_ssd.launch.signals import StopSignal\n" + textwrap.dedent(body)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_second_signal_leaves_at_once() -> None:
    done = run_script("""
        with StopSignal():
            os.kill(os.getpid(), signal.SIGINT)
            print("after the first", flush=True)
            os.kill(os.getpid(), signal.SIGTERM)
            print("after the second", flush=True)
    """)
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stdout == "after the first\n"


def test_forked_workers_end_as_if_there_were_no_handler() -> None:
    # GluonCV's DataLoader forks its workers and ends them with SIGTERM.
    done = run_script("""
        with StopSignal() as stop:
            child = os.fork()
            if not child:
                time.sleep(30)
            time.sleep(0.2)
            os.kill(child, signal.SIGTERM)
            _, status = os.waitpid(child, 0)
            print(os.WTERMSIG(status), stop.received)
    """)
    assert done.stdout == f"{int(signal.SIGTERM)} None\n"
