from __future__ import annotations

import pytest

from dali_ssd.bench import session
from dali_ssd.bench.measuring.devices import Device, cpu_devices
from dali_ssd.bench.options import BenchConfig
from dali_ssd.bench.results.steps import STEPS
from dali_ssd.bench.work import HOST_STEPS

STEPS_ONLY = BenchConfig(steps=True)


def test_several_devices_are_measured_together_and_the_first_alone() -> None:
    config = BenchConfig(contenders="decode")
    trials = session._trials(config, [Device("cpu", number, (0,)) for number in range(3)])
    assert [trial.devices for trial in trials] == [(0,), (0, 1, 2)]
    assert len({trial.threads for trial in trials}) == 1
    assert [trial.devices for trial in session._trials(config, cpu_devices(1))] == [(0,)]


def test_a_cpu_places_within_its_render_kernel() -> None:
    assert session._steps(STEPS_ONLY, cpu_devices(1)) == [step for step in STEPS if step not in ("place", "host")]


def test_without_a_gpu_the_hosts_steps_for_one_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [Device("gpu", 0, (0,))]
    monkeypatch.setattr(session, "gpu_names", lambda: [])
    assert session._steps(STEPS_ONLY, devices) == list(HOST_STEPS)
    monkeypatch.setattr(session, "gpu_names", lambda: ["NVIDIA A"])
    assert session._steps(STEPS_ONLY, devices) == [step for step in STEPS if step != "host"]
