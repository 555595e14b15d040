"""Records of drawn shapes, and a result of a check of two devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

pytest.importorskip("nvidia.dali")

from dali_ssd.bench.datasets import Description
from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.gpucheck.checks import CheckResult
from dali_ssd.bench.gpucheck.sample import Sample, take_sample
from dali_ssd.bench.gpucheck.session import GpuCheck
from dali_ssd.bench.measuring.before import Before
from dali_ssd.bench.measuring.devices import Device
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.machine.describe import Machine
from dali_ssd.machine.gpu import Gpu, GpuReading
from dali_ssd.synthetic import write_shapes


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shard of twelve records."""
    (path,) = write_shapes(tmp_path_factory.mktemp("drawn"), "drawn", 12, seed=1)
    return path


@pytest.fixture(scope="session")
def sample(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Eight of them."""
    return take_sample([drawn], 8, tmp_path_factory.mktemp("sample"))


@pytest.fixture
def make_check() -> Callable[..., GpuCheck]:
    """Makes a result of devices 0 and 1 in which the loader has `share` of the decoder's speed."""

    def runs(share: float, devices: Sequence[int], speed: float) -> list[Run]:
        sets = [*((number,) for number in devices), tuple(devices)]
        return [
            Run(Trial(name, 4, size, numbers), 1, outcome(mine * len(numbers) * size / 32, numbers))
            for size in (32, 128)
            for numbers in sets
            for name, mine in (("dali_ssd", share * speed), ("decode", speed))
        ]

    def outcome(speed: float, numbers: tuple[int, ...]) -> Outcome:
        parts = [Outcome(speed / len(numbers)) for _ in numbers] if len(numbers) > 1 else []
        return Outcome(speed, 0.25, gpu_utilization=40.0, gpu_memory_mb=2000.0, gpu_jpeg=90.0, devices=parts)

    def gpu(number: int) -> Gpu:
        return Gpu(f"GPU-{number}a", "NVIDIA A", 81559.0, "580.1", f"0000:0{number}:00.0")

    def make(share: float = 0.95, devices: Sequence[int] = (0, 1), speed: float = 100.0) -> GpuCheck:
        return GpuCheck(
            command=["dali-ssd", "gpu-check", "a.rec"],
            date="2026-01-01T00:00:00+00:00",
            versions={"dali_ssd": "0.1.0"},
            machine=Machine("A CPU", 8, 24.0, 0.5, "Linux", ["NVIDIA A, 81559 MiB, driver 580.1"] * len(devices)),
            devices=[Device("gpu", number, (0, 1, 2, 5), gpu(number)) for number in devices],
            threads=[4],
            before=Before({f"GPU {number}": GpuReading(0.0, 5.0) for number in devices}),
            data=Description(["a.rec"], 100, 500.0, 375.0, 2.5, 60.0),
            checks=[CheckResult("validation, PNG", "", True, "GPU 0", "render: plugin", 0.4, 0.02, 0.0)],
            runs={shape: runs(share, devices, speed) for shape in (300, 512)},
        )

    return make
