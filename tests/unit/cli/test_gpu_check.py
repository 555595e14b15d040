"""`dali-ssd gpu-check` without a GPU, up to the first call of CUDA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nvidia.dali")

from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.gpucheck import session
from dali_ssd.bench.gpucheck.checks import PLUGIN, CheckResult
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.cli.main import main
from tests.support.smi import gpu, install_smi


def gpu_check(shard: Path, out: Path, *options: str) -> int:
    return main(["gpu-check", str(shard), "--out", str(out), *options])


@pytest.mark.parametrize(
    ("found", "hidden", "said"),
    [
        (None, None, "nvidia-smi is not on PATH"),
        ([], None, "nvidia-smi finds none (No devices were found)"),
        ([gpu(0)], "", "CUDA_VISIBLE_DEVICES= hides all GPUs"),
    ],
)
def test_without_a_gpu_it_says_what_is_missing(
    found: list[dict[str, str]] | None,
    hidden: str | None,
    said: str,
    shard: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if found is not None:
        install_smi(tmp_path, monkeypatch, found, fails="" if found else "No devices were found")
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert gpu_check(shard, tmp_path / "out") == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("dali-ssd: error: there is no NVIDIA GPU here: ")
    assert said in printed.err
    assert printed.err.count("\n") == 1 and printed.out == ""
    assert not (tmp_path / "out").exists()


def test_a_gpu_that_is_not_there_is_named(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0), gpu(1)])
    assert gpu_check(shard, tmp_path / "out", "--gpus", "0,2") == 2
    assert "--gpus 0,2: there is no GPU 2, but 2 GPUs from 0" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_refused_first(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0)])
    (tmp_path / "file").touch()
    assert gpu_check(shard, tmp_path / "file" / "out") == 2
    assert "cannot create files in" in capsys.readouterr().err


@pytest.mark.parametrize(("problem", "code"), [("", 0), ("class targets differ", 1)])
def test_both_files_are_written_and_the_verdict_is_printed(
    problem: str,
    code: int,
    shard: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of two GPUs that the tool pretends; the check of a device and its measurement are left out."""
    install_smi(tmp_path, monkeypatch, [gpu(0), gpu(1)])
    monkeypatch.setattr(session, "check_device", lambda *given: given[-1](CheckResult("validation, PNG", problem)))
    monkeypatch.setattr(session, "measure", measured)
    assert gpu_check(shard, tmp_path / "made" / "out") == code
    printed = capsys.readouterr().out
    page = (tmp_path / "made" / "out" / "gpu-check.md").read_text()
    assert printed.startswith(f"{0 if problem else 2} of 2 checks passed")
    assert "not met: device 1" not in printed and "not measured: device 1" in printed
    assert "# GPU check" not in printed
    assert "| 1 | NVIDIA B, 81559 MiB, driver 580.1 | GPU-11aa |" in page
    assert f"{tmp_path / 'made' / 'out' / 'gpu-check.json'}" in printed
    assert ("## Failures" in page) == bool(problem)


def test_nothing_measured_is_no_success(shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0)])
    monkeypatch.setattr(session, "check_device", lambda *given: given[-1](CheckResult("validation, PNG")))
    monkeypatch.setattr(session, "measure", lambda *_: [])
    assert gpu_check(shard, tmp_path / "out") == 1


@pytest.mark.parametrize("sizes", ["", ","])
def test_no_batch_size_is_a_fault(sizes: str, shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        gpu_check(shard, tmp_path / "out", "--batch-sizes", sizes)
    assert caught.value.code == 2
    assert "batch_sizes must be whole numbers" in " ".join(capsys.readouterr().err.split())


def test_without_the_plugin_no_measured_process_tries_to_build_it(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0)])
    used = []
    monkeypatch.setattr(session, "measure", lambda *given: used.append(given[-1]))
    for number, problem in enumerate(("", "there is no g++")):
        result = CheckResult(PLUGIN, problem)
        monkeypatch.setattr(session, "check_device", lambda *given, result=result: given[-1](result))
        gpu_check(shard, tmp_path / f"out{number}", "--data-shapes", "300")
    assert used == ["auto", "off"]


def measured(*given: Any) -> None:
    """Keep one run."""
    *_, keep, _ = given
    keep(Run(Trial("decode", 1, 32), 1, Outcome(1.0)))
