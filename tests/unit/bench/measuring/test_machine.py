"""Machine, versions and GPU; an `nvidia-smi` of the test stands in for the real one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dali_ssd import __version__
from dali_ssd.bench.measuring.gpu import GpuReading, gpu_names, read_gpu
from dali_ssd.bench.measuring.machine import describe_machine, versions
from dali_ssd.bench.measuring.sampler import Sampler

Smi = Callable[[str], None]


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Smi:
    def install(script: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return install


def test_a_machine_has_a_processor_cores_and_memory() -> None:
    machine = describe_machine()
    assert machine.cpu
    assert machine.cores >= 1
    assert machine.memory_gb > 0.1


def test_versions_name_the_distribution_or_say_that_it_is_missing() -> None:
    found = versions()
    assert found["dali_ssd"] == __version__
    assert found["numpy"].endswith("(numpy)")
    assert set(found) == {"dali_ssd", "python", "dali", "mxnet", "gluoncv", "numpy", "numba", "opencv"}


def test_without_the_tool_there_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_names() == []
    assert read_gpu() is None


def test_gpus_are_named(smi: Smi) -> None:
    smi("echo 'NVIDIA A, 81559, 550.1'; echo 'NVIDIA B, 16384, 550.1'")
    assert gpu_names() == ["NVIDIA A, 81559 MiB, driver 550.1", "NVIDIA B, 16384 MiB, driver 550.1"]


def test_the_first_gpu_is_read(smi: Smi) -> None:
    smi("echo '87, 1234'; echo '0, 5'")
    assert read_gpu() == GpuReading(87.0, 1234.0)


def test_gpus_that_cuda_does_not_see_are_left_out(smi: Smi, monkeypatch: pytest.MonkeyPatch) -> None:
    smi("""case "$*" in *--id=2,0*) echo '99, 7' ;; *) echo '0, 0' ;; esac""")
    assert read_gpu() == GpuReading(0.0, 0.0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0")
    assert read_gpu() == GpuReading(99.0, 7.0)


@pytest.mark.parametrize("script", ["echo '[N/A], 5'", "exit 9", "true", "echo 5"])
def test_a_gpu_that_does_not_say_is_none(smi: Smi, script: str) -> None:
    smi(script)
    assert read_gpu() is None


def test_readings_are_kept_by_time(smi: Smi) -> None:
    smi("echo '50, 100'")
    began = time.monotonic()
    with Sampler(os.getpid(), interval=0.02) as sampler:
        time.sleep(0.5)
    readings = sampler.gpu_between(began, time.monotonic())
    assert readings
    assert set(readings) == {GpuReading(50.0, 100.0)}
    assert sampler.gpu_between(began - 2, began - 1) == []
    assert sampler.peak_bytes > 1e6
