"""Processes of contenders that behave, fail, die or hang; each is a module that the test writes."""

from __future__ import annotations

import json
import os
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dali_ssd.bench.measuring.child import Request
from dali_ssd.bench.measuring.devices import Device, cpu_devices
from dali_ssd.bench.measuring.measure import Window
from dali_ssd.bench.measuring.outcome import NO_READING, Outcome
from dali_ssd.bench.measuring.resources import process_tree
from dali_ssd.bench.measuring.runner import run_on
from dali_ssd.bench.work import Work
from dali_ssd.machine.gpu import Gpu

WINDOW = Window(warmup=2, warmup_seconds=0.1, seconds=0.2, min_batches=3)

Measure = Callable[..., Outcome]


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Runs a contender whose `batches(work, anchors)` has the given body."""
    package = tmp_path / "contenders_of_test"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def run(body: str, timeout: float = 60.0, devices: Sequence[Device] = ()) -> Outcome:
        head = "import os, subprocess, sys, time\nfrom dali_ssd.bench.work import WorkBatch\n"
        (package / "it.py").write_text(
            f"{head}def batches(work, anchors):\n" + textwrap.indent(textwrap.dedent(body), "    ")
        )
        request = Request("contenders_of_test.it", Work(("a.rec",), 4, threads=2), WINDOW)
        return run_on(devices or cpu_devices(1), request, timeout)

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


def test_the_windows_of_several_devices_overlap_and_their_figures_add_up(measured: Measure, tmp_path: Path) -> None:
    """The second is slow to start, and the first waits for it; each tells when it draws batches."""
    times = tmp_path / "times"
    times.mkdir()
    outcome = measured(
        f"""
        second = work.folder.endswith("1")
        time.sleep(1.0 * second)
        with open({str(times)!r} + f"/{{int(second)}}", "a") as file:
            while True:
                time.sleep(0.01)
                file.write(f"{{time.monotonic()}}\\n")
                file.flush()
                yield WorkBatch(work.batch_size)
        """,
        devices=cpu_devices(2),
    )
    assert outcome.error == ""
    first, second = outcome.devices
    assert outcome.images_per_second == first.images_per_second + second.images_per_second
    assert outcome.images == first.images + second.images
    assert min(first.seconds, second.seconds) >= WINDOW.seconds
    assert second.startup_s > first.startup_s + 0.5
    spans = [[float(line) for line in (times / name).read_text().split()] for name in ("0", "1")]
    overlap = min(span[-1] for span in spans) - max(span[0] for span in spans)
    assert overlap >= WINDOW.seconds
    assert len(spans[0]) > 60  # it went on for the second that the other took to start


def test_a_device_that_fails_ends_the_others_and_is_named(measured: Measure, tmp_path: Path) -> None:
    mark, started = tmp_path / "pid", time.monotonic()
    outcome = measured(
        f"""
        if work.folder.endswith("1"):
            while not os.path.exists({str(mark)!r}):
                time.sleep(0.01)
            raise ValueError("no memory")
        open({str(mark)!r}, "w").write(str(os.getpid()))
        while True:
            time.sleep(0.01)
            yield WorkBatch(4)
        """,
        devices=cpu_devices(2),
    )
    assert outcome == Outcome(error="CPU 1: ValueError: no memory")
    assert time.monotonic() - started < 30
    assert _gone(int(mark.read_text()))


def test_a_process_has_the_cores_of_its_device_and_sees_its_gpu_only(measured: Measure, tmp_path: Path) -> None:
    """No GPU is needed to see the environment."""
    (cpu,) = cpu_devices(1)
    devices = [
        replace(cpu, kind="gpu", number=number, cores=cpu.cores[:1], gpu=Gpu(f"GPU-{number}a", "A", 1, "580", ""))
        for number in (0, 3)
    ]
    outcome = measured(
        f"""
        seen = [os.environ["CUDA_VISIBLE_DEVICES"], sorted(os.sched_getaffinity(0))]
        with open({str(tmp_path)!r} + "/" + os.path.basename(work.folder), "w") as file:
            __import__("json").dump(seen, file)
        while True:
            time.sleep(0.01)
            yield WorkBatch(4)
        """,
        devices=devices,
    )
    assert outcome.error == ""
    assert outcome.notes == [f"GPU {number}: {NO_READING}" for number in (0, 3)]  # of GPUs that are not there
    for number in (0, 3):
        seen = json.loads((tmp_path / f"device-{number}").read_text())
        assert seen == [f"GPU-{number}a", list(cpu.cores[:1])]
    assert os.environ.get("CUDA_VISIBLE_DEVICES") is None or "GPU-0a" not in os.environ["CUDA_VISIBLE_DEVICES"]


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
