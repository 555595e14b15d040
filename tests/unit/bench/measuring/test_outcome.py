from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from dali_ssd.bench.measuring.outcome import NO_READING, Outcome, of_one, of_several
from dali_ssd.machine.gpu import GpuReading

MEASURED = {"images": 200, "seconds": 2.0, "cpu_seconds": 3.0, "first_batch": 104.0, "placement": "decode: CPU"}


def test_one_process_gives_speed_and_readings() -> None:
    readings = [GpuReading(50.0, 100.0, None, 80.0), GpuReading(70.0, 300.0, None, 90.0)]
    outcome = of_one(MEASURED, 5_000_000, 101.0, readings)
    assert (outcome.images_per_second, outcome.cpu_ms_per_image, outcome.cores) == (100.0, 15.0, 1.5)
    assert (outcome.peak_memory_mb, outcome.startup_s, outcome.placement) == (5.0, 3.0, "decode: CPU")
    assert (outcome.gpu_utilization, outcome.gpu_memory_mb) == (60.0, 300.0)
    assert (outcome.gpu_decoder, outcome.gpu_jpeg) == (None, 85.0)


def test_several_devices_add_up() -> None:
    parts = [
        Outcome(100.0, 2.0, 0.2, 50.0, 3.0, 100, 1.0, 40.0, 500.0),
        Outcome(300.0, 4.0, 1.2, 70.0, 5.0, 300, 1.1, 60.0, 400.0),
    ]
    whole = of_several(dict(zip(("GPU 0", "GPU 3"), parts, strict=True)))
    assert (whole.images_per_second, whole.images, whole.peak_memory_mb) == (400.0, 400, 120.0)
    assert whole.cpu_ms_per_image == pytest.approx(3.5)  # by images
    assert whole.cores == pytest.approx(1.4)
    assert (whole.startup_s, whole.seconds, whole.gpu_utilization, whole.gpu_memory_mb) == (5.0, 1.1, 50.0, 500.0)
    assert whole.devices == parts
    assert Outcome.restored(asdict(whole)) == whole


def test_one_device_is_itself() -> None:
    alone = Outcome(100.0)
    assert of_several({"GPU 0": alone}) is alone


def test_placements_and_notes_are_kept_device_by_device() -> None:
    plugin, host = Outcome(1.0, images=1, placement="render: plugin"), Outcome(1.0, images=1, placement="render: DALI")
    assert of_several({"GPU 0": plugin, "GPU 1": plugin}).placement == "render: plugin"
    whole = of_several({"GPU 0": plugin, "GPU 1": replace(host, notes=[NO_READING])})
    assert whole.placement == "on GPU 0: render: plugin; on GPU 1: render: DALI"
    assert whole.notes == [f"GPU 1: {NO_READING}"]
