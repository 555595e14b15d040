"""GPUs as the driver names them; a library of the tests stands in for the driver."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dali_ssd.errors import PluginError
from dali_ssd.plugin import driver
from dali_ssd.plugin.gpus import gpu_buses, gpus_here, oldest_of
from tests.support.driver import install_driver
from tests.support.plugin import clean_path


@pytest.mark.parametrize(
    ("gpus", "visible", "found"),
    [
        ((90,), None, (90,)),
        ((120, 86, 86), None, (86, 120)),
        ((75, 121), None, (75, 121)),
        ((86, 90, 120), "2,0", (86, 120)),
        ((61, 89), "1", (89,)),
        ((90,), "", ()),
        ((90,), "-1", ()),
        ((90,), "3", ()),
    ],
)
def test_gpus_are_those_that_cuda_shows(
    gpus: tuple[int, ...],
    visible: str | None,
    found: tuple[int, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whether `nvidia-smi` is there or not."""
    clean_path(monkeypatch, tmp_path / "bin")
    install_driver(tmp_path / "lib", monkeypatch, *gpus)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus_here(13) == found
    assert caplog.messages == []


def test_their_addresses_are_in_the_order_of_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_driver(tmp_path, monkeypatch, 86, 90, 120)
    assert gpu_buses() == ["0000:a0:00.0", "0000:a1:00.0", "0000:a2:00.0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0")
    assert gpu_buses() == ["0000:a2:00.0", "0000:a0:00.0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu_buses() == []


def test_this_process_does_not_load_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_driver(tmp_path, monkeypatch, 90)
    assert gpus_here(13) == (90,)
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_gpus_that_are_too_old_are_left_out_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install_driver(tmp_path, monkeypatch, 61, 89, 70)
    assert gpus_here(13) == (89,)
    assert caplog.messages == [
        "the plugin will not run on GPUs of compute capability 61, 70: CUDA 13 builds nothing for them"
    ]
    assert gpus_here(12) == (61, 70, 89)


def test_where_all_are_too_old_another_dali_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_driver(tmp_path, monkeypatch, 61, 70)
    with pytest.raises(PluginError, match=r"^CUDA 13 builds nothing for the GPUs here \(compute capability 61, 70\): "):
        gpus_here(13)


def test_the_oldest_gpus_of_each_cuda() -> None:
    assert [oldest_of(major) for major in (12, 13, 14)] == [50, 75, 75]


def test_without_a_driver_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_LIBRARY", "libcuda-of-nobody.so.1")
    assert driver.capabilities() == []


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("803", "cuInit returns 803"),
        ("(abort(), 0)", "asking it ends with code -6"),
        ("(sleep(60), 0)", "nothing comes in 1 s"),
    ],
)
def test_a_driver_that_does_not_work_is_an_error_and_not_a_machine_without_gpus(
    start: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_driver(tmp_path, monkeypatch, 90, start=start)
    if "sleep" in start:
        monkeypatch.setattr("dali_ssd.plugin.gpus._PATIENCE", 1)
    with pytest.raises(PluginError):
        gpu_buses()
    with pytest.raises(PluginError) as caught:
        gpus_here(13)
    assert str(caught.value) == f"NVIDIA's driver does not work ({reason}): look at what `nvidia-smi` says"


def test_so_is_a_damaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libcuda.so.1").write_text("cut")
    monkeypatch.setenv("LD_LIBRARY_PATH", os.fspath(tmp_path))
    with pytest.raises(PluginError, match=r"driver does not work \(.*libcuda\.so\.1"):
        gpus_here(13)
