"""Processes of contenders that behave, fail, die or hang; each is a module that the test writes."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dali_ssd.bench.measuring.child import Request
from dali_ssd.bench.measuring.measure import Window
from dali_ssd.bench.measuring.resources import process_tree
from dali_ssd.bench.measuring.runner import Outcome, run_child
from dali_ssd.bench.work import Work

WINDOW = Window(warmup=2, warmup_seconds=0.1, seconds=0.2, min_batches=3)

Measure = Callable[..., Outcome]


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Runs a contender whose `batches(work, anchors)` has the given body."""
    package = tmp_path / "contenders_of_test"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def run(body: str, timeout: float = 60.0) -> Outcome:
        head = "import os, subprocess, sys, time\nfrom dali_ssd.bench.work import WorkBatch\n"
        (package / "it.py").write_text(
            f"{head}def batches(work, anchors):\n" + textwrap.indent(textwrap.dedent(body), "    ")
        )
        return run_child(Request("contenders_of_test.it", Work(("a.rec",), 4, threads=2), WINDOW), timeout)

    return run


def test_a_contender_that_behaves_gives_all_numbers(measured: Measure) -> None:
    outcome = measured(
        """
        ballast = b"x" * 80_000_000
        time.sleep(1.5)  # memory is sampled once a second
        assert anchors.shape == (8732, 4) and work.threads == 2 and os.path.isdir(work.folder)
        while True:
            until = time.process_time() + 0.02
            while time.process_time() < until: pass
            yield WorkBatch(work.batch_size)
        """
    )
    assert outcome.error == ""
    assert 20 < outcome.images_per_second < 201
    assert outcome.images == 4 * round(outcome.images / 4) >= 12
    assert outcome.seconds >= 0.2
    assert outcome.cpu_ms_per_image == pytest.approx(5, rel=0.5)
    assert 0.1 < outcome.cores < 1.5
    assert outcome.peak_memory_mb > 80
    assert outcome.startup_s > 0.5


def test_an_exception_becomes_one_line(measured: Measure) -> None:
    outcome = measured(
        """
        yield WorkBatch(4)
        print("much output", flush=True)
        raise ValueError("bad label\\nand a long story")
        """
    )
    assert outcome == Outcome(error="ValueError: bad label")


def test_a_missing_library_becomes_one_line(measured: Measure) -> None:
    assert measured("import no_such_library\nyield").error == "ModuleNotFoundError: No module named 'no_such_library'"


def test_a_killed_process_is_explained(measured: Measure) -> None:
    outcome = measured("print('last words', flush=True); os.kill(os.getpid(), 9); yield")
    assert outcome.error == "the process was ended by SIGKILL: last words"


def test_an_early_exit_is_explained(measured: Measure) -> None:
    assert measured("os._exit(7); yield").error == "the process ended with exit code 7"


def test_batches_that_run_out_are_an_error(measured: Measure) -> None:
    assert "StopIteration" in measured("yield WorkBatch(4)").error


def test_a_hanging_contender_is_ended_with_its_workers(measured: Measure, tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    started = time.monotonic()
    outcome = measured(
        f"""
        worker = subprocess.Popen(["sleep", "600"])
        open({str(mark)!r}, "w").write(f"{{os.getpid()}} {{worker.pid}}")
        time.sleep(600)
        yield
        """,
        timeout=5.0,
    )
    assert outcome.error == "no result after 5 s; it was stopped"
    assert time.monotonic() - started < 60
    assert all(_gone(int(pid)) for pid in mark.read_text().split())


def test_workers_that_outlive_their_parent_are_ended(measured: Measure, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    outcome = measured(
        f"""
        open({str(mark)!r}, "w").write(str(subprocess.Popen(["sleep", "600"]).pid))
        while True:
            time.sleep(0.01)
            yield WorkBatch(4)
        """
    )
    assert outcome.error == ""
    assert _gone(int(mark.read_text()))


def test_memory_and_cpu_of_workers_count(measured: Measure) -> None:
    burn = "ballast = bytearray(b'x' * 150_000_000)\nwhile True: pass"
    outcome = measured(
        f"""
        subprocess.Popen([sys.executable, "-c", {burn!r}])
        time.sleep(1)
        while True:
            time.sleep(0.05)
            yield WorkBatch(4)
        """
    )
    assert outcome.peak_memory_mb > 150
    assert outcome.cores > 0.2


def _gone(pid: int) -> bool:
    """Whether a process has ended; one whose parent has not asked for its exit code yet counts as ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return not process_tree(pid)
