"""Processes that check well, die or hang; those that do not check well are modules that the test writes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from dali_ssd.bench.gpucheck import runner
from dali_ssd.bench.gpucheck.checks import CHECKS, CUDA, PLUGIN, CheckResult
from dali_ssd.bench.gpucheck.runner import check_device, names_of_checks
from dali_ssd.bench.gpucheck.sample import Sample
from dali_ssd.bench.measuring.devices import Device, cpu_devices

FIRST, SECOND, THIRD = list(CHECKS)[:3]
CPU = cpu_devices(1)[0]
GPU = Device("gpu", 0, CPU.cores)


def results(sample: Sample, timeout: float = 120.0) -> list[tuple[str, str, str]]:
    found: list[CheckResult] = []
    check_device(CPU, sample, [FIRST, SECOND, THIRD], timeout, found.append)
    return [(one.name, one.problem, one.device) for one in found]


def test_a_gpu_has_the_checks_of_cuda_and_the_plugin_before_all_others() -> None:
    assert names_of_checks(CPU) == list(CHECKS)
    assert names_of_checks(GPU) == [CUDA, PLUGIN, *CHECKS]


def test_results_come_in_order_with_their_device(sample: Sample) -> None:
    assert results(sample) == [(name, "", "CPU 0") for name in (FIRST, SECOND, THIRD)]


def test_an_error_fails_its_check_only(sample: Sample, tmp_path: Path) -> None:
    missing = Sample(sample.jpegs, str(tmp_path / "none.rec"), sample.count, sample.unit)
    found = results(missing)
    assert [name for name, _, _ in found] == [FIRST, SECOND, THIRD]
    assert all("none.rec" in problem for _, problem, _ in found)


def test_where_cuda_does_not_work_the_rest_is_not_checked(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real process runs into CUDA, which finds no device."""
    monkeypatch.setattr(Device, "environment", {"CUDA_VISIBLE_DEVICES": ""})
    found: list[CheckResult] = []
    check_device(GPU, sample, names_of_checks(GPU), 120.0, found.append)
    assert [one.name for one in found] == [CUDA, PLUGIN, *CHECKS]
    assert found[0].state == "failed"
    assert "CUDA" in found[0].problem
    assert {one.state for one in found[1:]} == {"not checked"}
    assert {one.problem for one in found[1:]} == {"CUDA does not work on this device"}
    assert {one.device for one in found} == {"GPU 0"}


@pytest.fixture
def write_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has a body run for each check in place of it, with its `name`; `say(name)` says that it passed."""
    package = tmp_path / "checks_of_test"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(runner, "_CHILD", "checks_of_test.child")

    def write(body: str) -> None:
        head = """
        import json, os, sys, time
        request, results = sys.argv[1:3]
        def say(name):
            with open(results, "a") as file:
                file.write(json.dumps({"name": name}) + "\\n")
        for name in json.load(open(request))["names"]:
        """
        text = textwrap.dedent(head) + textwrap.indent(textwrap.dedent(body), "    ")
        (package / "child.py").write_text(text)

    return write


def test_a_process_that_dies_fails_its_check_and_the_rest_goes_on(
    sample: Sample, write_child: Callable[[str], None]
) -> None:
    write_child(
        f"""
        if name == {SECOND!r}:
            print("an illegal memory access", flush=True)
            os.kill(os.getpid(), 11)
        say(name)
        """
    )
    assert results(sample) == [
        (FIRST, "", "CPU 0"),
        (SECOND, "the process was ended by SIGSEGV: an illegal memory access", "CPU 0"),
        (THIRD, "", "CPU 0"),
    ]


def test_a_process_that_dies_at_cuda_ends_the_checks(sample: Sample, write_child: Callable[[str], None]) -> None:
    write_child("os.kill(os.getpid(), 11)")
    found: list[CheckResult] = []
    check_device(GPU, sample, [CUDA, PLUGIN, FIRST], 60.0, found.append)
    assert [one.state for one in found] == ["failed", "not checked", "not checked"]


def test_a_process_that_hangs_fails_its_check_and_the_rest_goes_on(
    sample: Sample, write_child: Callable[[str], None]
) -> None:
    write_child(f"time.sleep(600 * (name == {FIRST!r}))\nsay(name)")
    assert results(sample, timeout=2.0) == [
        (FIRST, "no result after 2 s; it was stopped", "CPU 0"),
        (SECOND, "", "CPU 0"),
        (THIRD, "", "CPU 0"),
    ]


def test_a_process_that_ends_without_a_word_is_no_endless_loop(
    sample: Sample, write_child: Callable[[str], None]
) -> None:
    write_child("os._exit(0)")
    assert [problem for _, problem, _ in results(sample)] == ["the process ended without a result"] * 3
