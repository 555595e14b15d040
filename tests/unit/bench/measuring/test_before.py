"""What is looked at before the first measurement; an `nvidia-smi` of the tests stands in for the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.bench.measuring import before
from dali_ssd.bench.measuring.before import Before, look_at, plugin_note
from dali_ssd.bench.measuring.devices import Device, cpu_devices, find_gpus
from dali_ssd.errors import PluginError
from dali_ssd.machine.gpu import GpuReading
from tests.support.smi import gpu, install_smi

BUSY = "GPU 0 had other work before the first measurement"


@pytest.mark.parametrize(
    ("readings", "notes"),
    [
        ({"utilization_gpu": "4", "memory_used": "999"}, []),
        ({"utilization_gpu": "5", "memory_used": "10"}, [f"{BUSY}: 5% utilization, 10 MB in use"]),
        ({"utilization_gpu": "0", "memory_used": "1000"}, [f"{BUSY}: 0% utilization, 1,000 MB in use"]),
        ({"utilization_gpu": "[N/A]", "memory_used": "2000"}, [f"{BUSY}: 2,000 MB in use"]),
    ],
)
def test_other_work_on_a_gpu_is_noticed(
    readings: dict[str, str], notes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0, **readings), gpu(1, memory_used="9999")])
    assert look_at(find_gpus("0")).notes == notes


def test_each_gpu_has_a_reading_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = gpu(1, utilization_gpu="[N/A]", memory_used="[N/A]")
    install_smi(tmp_path, monkeypatch, [gpu(0, utilization_gpu="0"), silent])
    assert look_at(find_gpus("all")).readings == {"GPU 0": GpuReading(0.0, 100.0), "GPU 1": None}
    assert look_at(cpu_devices(1)) == Before()


def test_devices_that_share_cores_are_noted() -> None:
    """As of more GPUs than cores."""
    devices = [Device("gpu", number, (number % 2,)) for number in range(3)]
    assert look_at(devices).notes == ["3 devices share 2 cores, so they slow each other down"]
    assert look_at(devices[:2]).notes == []


def test_a_plugin_that_cannot_be_had_is_noted_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a real process: there is no cached plugin, and no GPU to build one for."""
    pytest.importorskip("nvidia.dali")
    for name in ("DALI_SSD_PLUGIN", "CUDA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path))
    (note,) = plugin_note(60.0)
    assert note.startswith("without the plugin, DALI's operators and the host do its work: ")
    assert "dali-ssd build-plugin" in note


def test_a_plugin_that_is_there_needs_no_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = tmp_path / "answer.txt"
    monkeypatch.setattr(before, "prepare_plugin", lambda: Path("a.so"))
    assert before.main(tmp_path, answer) == 0
    assert answer.read_text() == ""

    def fail() -> Path:
        raise PluginError("no compiler; install one")

    monkeypatch.setattr(before, "prepare_plugin", fail)
    assert before.main(tmp_path, answer) == 1
    assert answer.read_text() == "no compiler; install one"


def test_a_preparation_that_takes_too_long_is_noted() -> None:
    (note,) = plugin_note(0.01)
    assert note.endswith("no answer after 0.01 s; it was stopped")
