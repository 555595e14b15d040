"""Devices and their cores; an `nvidia-smi` of the tests stands in for the real one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dali_ssd.bench.measuring.devices import (
    Device,
    best_device,
    cpu_devices,
    find_gpus,
    one_device,
)
from dali_ssd.errors import ConfigError
from dali_ssd.util import cores
from tests.support.smi import gpu, install_smi

IN_ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
"""CUDA counts as `nvidia-smi` does."""
ALL = tuple(sorted(os.sched_getaffinity(0)))


def test_the_best_device_is_a_gpu_that_cuda_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0)])
    assert best_device() == "gpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert best_device() == "cpu"


def test_one_device_has_all_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0), gpu(1)])
    (cpu,), (first,) = one_device("cpu"), one_device("gpu")
    assert cpu == Device("cpu", 0, ALL) and cpu.environment == {}
    assert first.cores == ALL and first.environment == {"CUDA_VISIBLE_DEVICES": "GPU-00aa", **IN_ORDER}
    assert (str(cpu), str(first)) == ("CPU 0", "GPU 0")


def test_a_gpu_that_the_tool_does_not_find_is_left_to_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert one_device("gpu") == [Device("gpu", 0, ALL)]
    assert one_device("gpu")[0].environment == IN_ORDER


def test_gpus_are_found_by_their_numbers_among_those_that_cuda_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0), gpu(1), gpu(2)])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,1")
    assert [(one.number, one.environment["CUDA_VISIBLE_DEVICES"]) for one in find_gpus("all")] == [
        (0, "GPU-22aa"),
        (1, "GPU-11aa"),
    ]
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in find_gpus("1")] == ["GPU-11aa"]
    assert find_gpus("1")[0].cores == ALL
    with pytest.raises(ConfigError, match="--gpus 0,2: there is no GPU 2, but 2 GPUs from 0"):
        find_gpus("0,2")


def test_a_gpu_that_is_shown_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0), gpu(1)])
    for names in ("0,0", "0,GPU-00"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", names)
        with pytest.raises(ConfigError, match=f"CUDA_VISIBLE_DEVICES={names} has a GPU twice"):
            find_gpus("all")


def test_each_gpu_has_cores_of_its_own_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(number) for number in range(4)])
    monkeypatch.setattr(cores, "_PCI", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    for number, near in enumerate(["0-3,8-11", "0-3,8-11", "4-7,12-15", "4-7,12-15"]):
        folder = tmp_path / f"0000:0{number}:00.0"
        folder.mkdir()
        (folder / "local_cpulist").write_text(f"{near}\n")
    assert [one.cores for one in find_gpus("all")] == [(0, 2, 8, 10), (1, 3, 9, 11), (4, 6, 12, 14), (5, 7, 13, 15)]


@pytest.mark.parametrize("text", ["", "none\n", "99\n"])
def test_a_kernel_that_does_not_tell_leaves_all_cores(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0), gpu(1)])
    monkeypatch.setattr(cores, "_PCI", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    for number in range(2):
        folder = tmp_path / f"0000:0{number}:00.0"
        folder.mkdir()
        (folder / "local_cpulist").write_text(text)
    assert [one.cores for one in find_gpus("all")] == [(0, 2), (1,)]


def test_parts_of_a_cpu_are_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 4})
    parts = cpu_devices(3)
    assert [part.number for part in parts] == [0, 1, 2]
    assert [part.cores for part in parts] == [(0,), (1,), (4,)]
    with pytest.raises(ConfigError, match="--cpus 4: each part needs a core, and this process may use 3"):
        cpu_devices(4)
