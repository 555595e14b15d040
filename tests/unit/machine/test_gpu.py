"""GPUs and their readings; an `nvidia-smi` of the tests stands in for the real one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dali_ssd.bench.measuring.sampler import Sampler
from dali_ssd.machine.gpu import GpuReading, gpu_names, read_gpus, visible_gpus, why_no_gpu
from tests.support.smi import gpu, install_smi


def test_without_the_tool_there_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == []
    assert read_gpus() == {}
    assert "nvidia-smi is not on PATH" in why_no_gpu()


def test_gpus_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0), gpu(1, memory_total="16384")])
    assert gpu_names() == ["NVIDIA A, 81559 MiB, driver 580.1", "NVIDIA B, 16384 MiB, driver 580.1"]
    assert [one.bus for one in visible_gpus()] == ["0000:00:00.0", "0000:01:00.0"]


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        ("2,0", ["GPU-22aa", "GPU-00aa"]),
        ("GPU-1", ["GPU-11aa"]),
        (" 1 , 2", ["GPU-11aa", "GPU-22aa"]),
        ("1,7,0", ["GPU-11aa"]),  # as CUDA does
        ("", []),
        ("-1", []),
    ],
)
def test_the_gpus_are_those_that_cuda_shows_in_its_order(
    visible: str, uuids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0), gpu(1), gpu(2)])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [one.uuid for one in visible_gpus()] == uuids
    if not uuids:
        assert why_no_gpu() == f"CUDA_VISIBLE_DEVICES={visible} hides all GPUs of this machine"


def test_a_driver_that_finds_none_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [], fails="No devices were found")
    assert visible_gpus() == []
    assert why_no_gpu().startswith("nvidia-smi finds none (No devices were found): look at the driver")


def test_each_gpu_is_read_with_its_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [gpu(0, utilization_gpu="87", memory_used="1234", utilization_decoder="3", utilization_jpeg="95"), gpu(1)]
    install_smi(tmp_path, monkeypatch, rows)
    assert read_gpus() == {"GPU-00aa": GpuReading(87.0, 1234.0, 3.0, 95.0), "GPU-11aa": GpuReading(50.0, 100.0)}


def test_an_older_tool_is_not_asked_for_what_it_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0, utilization_decoder="3")], engines=["utilization.decoder"])
    assert read_gpus() == {"GPU-00aa": GpuReading(50.0, 100.0, 3.0)}
    install_smi(tmp_path, monkeypatch, [gpu(0)], engines=[])
    assert read_gpus() == {"GPU-00aa": GpuReading(50.0, 100.0)}


def test_what_a_gpu_does_not_say_is_none_and_what_it_says_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU that is split into parts tells its memory only."""
    silent = gpu(2, utilization_gpu="[N/A]", memory_used="[N/A]")
    install_smi(tmp_path, monkeypatch, [gpu(0, utilization_gpu="[N/A]"), gpu(1), silent])
    assert read_gpus() == {"GPU-00aa": GpuReading(None, 100.0), "GPU-11aa": GpuReading(50.0, 100.0)}


def test_a_part_of_a_gpu_is_not_supported_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0)])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1a-2b")
    assert visible_gpus() == []
    assert why_no_gpu().startswith("CUDA_VISIBLE_DEVICES=MIG-1a-2b names a part of a GPU (MIG), which is not supported")


def wait_for(uuid: str, sampler: Sampler) -> None:
    """Wait until a GPU has been read, for which a busy machine needs its time."""
    deadline = time.monotonic() + 60
    while not sampler.gpu_between(uuid, 0, time.monotonic()) and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_tool_that_fails_once_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0, utilization_jpeg="95")])
    (tmp_path / "nvidia-smi").rename(tmp_path / "later")
    began = time.monotonic()
    with Sampler([os.getpid()], gpus=True, interval=0.02) as sampler:
        time.sleep(0.3)
        (tmp_path / "later").rename(tmp_path / "nvidia-smi")
        wait_for("GPU-00aa", sampler)
    assert GpuReading(50.0, 100.0, None, 95.0) in sampler.gpu_between("GPU-00aa", began, time.monotonic())


@pytest.mark.parametrize("script", ["exit 9", "true", "echo 5", "kill $$"])
def test_a_tool_that_does_not_work_finds_nothing(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [])
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    assert visible_gpus() == []
    assert read_gpus() == {}


def test_readings_are_kept_by_time_and_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0), gpu(1, utilization_gpu="9")])
    began = time.monotonic()
    with Sampler([os.getpid()], gpus=True, interval=0.02) as sampler:
        wait_for("GPU-11aa", sampler)
    now = time.monotonic()
    assert set(sampler.gpu_between("GPU-00aa", began, now)) == {GpuReading(50.0, 100.0)}
    assert set(sampler.gpu_between("GPU-11aa", began, now)) == {GpuReading(9.0, 100.0)}
    assert sampler.gpu_between("GPU-00aa", began - 2, began - 1) == []
    assert sampler.peak_bytes[0] > 1e6


def test_a_process_on_the_host_needs_no_gpu_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0)])
    with Sampler([os.getpid()], gpus=False, interval=0.02) as sampler:
        time.sleep(0.2)
    assert sampler.gpu_between("GPU-00aa", 0, time.monotonic()) == []
