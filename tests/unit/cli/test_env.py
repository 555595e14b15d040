"""`dali-ssd env`."""

from __future__ import annotations

import pytest

from dali_ssd.cli.main import main
from dali_ssd.machine.describe import describe_machine, versions


def test_it_prints_what_a_report_of_a_problem_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    found = dict(lines)
    machine = describe_machine()
    assert len(lines) == len(found.keys() - {"gpu"}) + max(len(machine.gpus), 1)
    assert versions().items() <= found.items()
    assert found["system"] == machine.system
    assert found["cpu"].startswith(machine.cpu) and f" {machine.cores} core" in found["cpu"]


def test_without_a_gpu_it_says_why(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["env"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("gpu"))
    assert "nvidia-smi" in line
