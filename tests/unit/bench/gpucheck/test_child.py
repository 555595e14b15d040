from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import pytest

from dali_ssd.bench.gpucheck import child
from dali_ssd.bench.gpucheck.checks import CHECKS, CUDA, PLUGIN, Check, CheckResult
from dali_ssd.bench.gpucheck.child import CheckRequest, main
from dali_ssd.bench.gpucheck.sample import Sample
from dali_ssd.errors import PluginError
from dali_ssd.graph.where import Where

FIRST, SECOND, THIRD = list(CHECKS)[:3]
SAMPLE = Sample("a.rec", "b.rec", 2, "fraction")


@pytest.fixture
def asked_where(monkeypatch: pytest.MonkeyPatch) -> list[Where]:
    """The second check raises an error of CUDA, the others pass; no plugin can be had."""
    seen: list[Where] = []

    def run_check(check: Check, sample: Sample, where: Where) -> CheckResult:
        assert sample == SAMPLE
        seen.append(where)
        if check.name == SECOND:
            raise RuntimeError("CUDA error 700\nand a long story")
        return CheckResult(check.name)

    def prepare_plugin() -> Path:
        raise PluginError("there is no compiler; install one")

    monkeypatch.setattr(child, "run_check", run_check)
    monkeypatch.setattr(child, "prepare_plugin", prepare_plugin)
    monkeypatch.setattr(child, "plugin_loaded", lambda: False)  # another test may have loaded it
    return seen


def results(folder: Path, device: Literal["cpu", "gpu"], *names: str) -> list[tuple[str, str]]:
    request, answer = folder / "request.json", folder / "results.jsonl"
    request.write_text(json.dumps(asdict(CheckRequest(SAMPLE, device, names))))
    main(request, answer)
    lines: list[dict[str, Any]] = [json.loads(line) for line in answer.read_text().splitlines()]
    return [(line["name"], line["problem"]) for line in lines]


def test_after_an_error_the_process_is_not_trusted_further(tmp_path: Path, asked_where: list[Where]) -> None:
    assert results(tmp_path, "cpu", FIRST, SECOND, THIRD) == [(FIRST, ""), (SECOND, "RuntimeError: CUDA error 700")]
    assert asked_where == [Where(), Where()]


def test_without_the_plugin_its_checks_are_not_made_in_its_name(tmp_path: Path, asked_where: list[Where]) -> None:
    said = results(tmp_path, "gpu", PLUGIN, FIRST, THIRD)
    assert said == [
        (PLUGIN, "there is no compiler; install one"),
        (FIRST, "there is no plugin to check"),
        (THIRD, "there is no plugin to check"),
    ]
    assert asked_where == []
    lines = [CheckResult(**json.loads(line)) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [line.state for line in lines] == ["failed", "not checked", "not checked"]


@pytest.mark.parametrize("raises", [True, False])
def test_without_cuda_nothing_else_is_tried(
    raises: bool, tmp_path: Path, asked_where: list[Where], monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_cuda() -> CheckResult:
        if raises:
            raise RuntimeError("no CUDA-capable device")
        return CheckResult(CUDA, "it is something else")

    monkeypatch.setattr(child, "check_cuda", check_cuda)
    assert [name for name, _ in results(tmp_path, "gpu", CUDA, PLUGIN, FIRST)] == [CUDA]


def test_a_process_after_the_first_loads_the_plugin_too(
    tmp_path: Path, asked_where: list[Where], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[bool] = []
    monkeypatch.setattr(child, "prepare_plugin", lambda: loaded.append(True))
    monkeypatch.setattr(child, "plugin_loaded", lambda: bool(loaded))
    assert results(tmp_path, "gpu", THIRD) == [(THIRD, "")]
    assert asked_where == [Where("gpu", plugin=True)]
