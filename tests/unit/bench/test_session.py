from __future__ import annotations

import pytest

from dali_ssd.bench import session
from dali_ssd.bench.measuring.devices import cpu_devices
from dali_ssd.bench.options import BenchConfig
from dali_ssd.bench.results.steps import STEPS
from dali_ssd.bench.work import HOST_STEPS


def test_several_devices_are_measured_together_and_the_first_alone() -> None:
    config = BenchConfig(contenders="decode")
    trials = session._trials(config, cpu_devices(3))
    assert [trial.devices for trial in trials] == [(0,), (0, 1, 2)]
    assert len({trial.threads for trial in trials}) == 1
    assert [trial.devices for trial in session._trials(config, cpu_devices(1))] == [(0,)]


def test_a_cpu_places_within_its_render_kernel() -> None:
    assert session._steps("cpu") == [step for step in STEPS if step not in ("place", "host")]


def test_without_a_gpu_the_hosts_steps_for_one_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "gpu_names", lambda: [])
    assert session._steps("gpu") == list(HOST_STEPS)
    assert "there is no GPU here, so these are the host's steps alone" in capsys.readouterr().err
    monkeypatch.setattr(session, "gpu_names", lambda: ["NVIDIA A"])
    assert session._steps("gpu") == [step for step in STEPS if step != "host"]
