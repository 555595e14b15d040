from __future__ import annotations

import pytest

from dali_ssd.bench import session
from dali_ssd.bench.results.steps import STEPS
from dali_ssd.bench.work import HOST_STEPS


def test_a_cpu_places_within_its_render_kernel() -> None:
    assert session._steps("cpu") == [step for step in STEPS if step != "place"]


def test_without_a_gpu_the_hosts_steps_for_one_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "gpu_names", lambda: [])
    assert session._steps("gpu") == list(HOST_STEPS)
    assert "there is no GPU here, so these are the host's steps alone" in capsys.readouterr().err
    monkeypatch.setattr(session, "gpu_names", lambda: ["NVIDIA A"])
    assert session._steps("gpu") == list(STEPS)
