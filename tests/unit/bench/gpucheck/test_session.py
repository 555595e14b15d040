"""A whole check with parts of a CPU in place of GPUs; only the processes are pretended."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.bench import session as bench
from dali_ssd.bench.gpucheck import session
from dali_ssd.bench.gpucheck.checks import CHECKS, CUDA, CheckResult
from dali_ssd.bench.gpucheck.options import GpuCheckConfig
from dali_ssd.bench.gpucheck.sample import Sample
from dali_ssd.bench.gpucheck.session import GpuCheck, run_gpu_check
from dali_ssd.bench.measuring.child import Request
from dali_ssd.bench.measuring.devices import Device, cpu_devices
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.errors import DatasetError
from dali_ssd.util.parallel import available_cores


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, ...], str, int, int]]:
    """Devices, contender, batch size and data shape of each measurement; all checks pass."""
    seen = []

    def run_on(devices: Sequence[Device], request: Request, timeout: float) -> Outcome:
        numbers, work = tuple(device.number for device in devices), request.work
        seen.append((numbers, request.contender, work.batch_size, work.data_shape))
        return Outcome(100.0 * len(devices))

    def check_device(
        device: Device, sample: Sample, names: Sequence[str], timeout: float, report: Callable[[CheckResult], None]
    ) -> None:
        for name in names:
            report(CheckResult(name, device=str(device)))

    monkeypatch.setattr(bench, "run_on", run_on)
    monkeypatch.setattr(session, "check_device", check_device)
    return seen


def check(drawn: Path, written: list[GpuCheck], devices: Sequence[Device] = (), **options: Any) -> GpuCheck:
    given: dict[str, Any] = {"batch_sizes": "8", "data_shapes": "300,512", "shards": (str(drawn),)} | options
    config = GpuCheckConfig(out=drawn.parent / "out", **given)
    return run_gpu_check(config, devices or cpu_devices(2), ["dali-ssd", "gpu-check"], written.append)


def test_every_device_is_checked_and_measured_alone_and_all_together(
    drawn: Path, asked: list[tuple[tuple[int, ...], str, int, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[GpuCheck] = []
    found = check(drawn, written)
    assert written == [found]
    assert [one.device for one in found.checks] == ["CPU 0"] * len(CHECKS) + ["CPU 1"] * len(CHECKS)
    assert asked == [
        (devices, contender, 8, shape)
        for shape in (300, 512)
        for devices in ((0,), (1,), (0, 1))
        for contender in ("dali_ssd", "decode")
    ]
    assert {shape: len(runs) for shape, runs in found.runs.items()} == {300: 6, 512: 6}
    assert found.failures == []
    assert found.data.records == 12
    shown = capsys.readouterr().err
    assert "CPU 1: validation, PNG: passed" in shown
    assert f"checking and measuring: {2 * len(CHECKS) + 12}/{2 * len(CHECKS) + 12} (100%)" in shown


def test_what_was_measured_before_ctrl_c_is_written(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[GpuCheck] = []
    speeds = iter([Outcome(100.0), Outcome(110.0)])

    def run_on(*_: object) -> Outcome:
        try:
            return next(speeds)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(bench, "run_on", run_on)
    with pytest.raises(KeyboardInterrupt):
        check(drawn, written)
    (found,) = written
    assert [run.outcome.images_per_second for run in found.runs[300]] == [100.0, 110.0]
    assert len(found.checks) == 2 * len(CHECKS)
    assert found.failures == ["it ended early: interrupted"]


def test_an_error_is_written_with_what_was_known(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[GpuCheck] = []

    def fail(*_: object) -> None:
        raise DatasetError("a shard is gone")

    monkeypatch.setattr(session, "check_device", fail)
    with pytest.raises(DatasetError):
        check(drawn, written)
    assert written[0].failures == ["it ended early: a shard is gone"]


def test_a_contender_that_fails_is_a_failure_and_the_others_go_on(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_on(devices: Sequence[Device], request: Request, timeout: float) -> Outcome:
        return Outcome(error="no memory") if request.contender == "dali_ssd" else Outcome(100.0)

    monkeypatch.setattr(bench, "run_on", run_on)
    found = check(drawn, [], data_shapes="300")
    assert len(found.runs[300]) == 6
    (line,) = found.failures
    assert line.count("300 px, dali_ssd") == 3
    assert line.endswith(": failed: no memory")


def test_without_shards_some_are_drawn(drawn: Path) -> None:
    found = check(drawn, [], shards=(), data_shapes="300")
    assert found.data.records == 512
    assert not Path(found.data.shards[0]).exists()


def test_shards_that_are_not_there_write_nothing(tmp_path: Path) -> None:
    written: list[GpuCheck] = []
    with pytest.raises(DatasetError):
        check(tmp_path / "none.rec", written)
    assert written == []


def test_a_shard_without_records_leaves_no_folder_behind(tmp_path: Path) -> None:
    (tmp_path / "e.rec").touch()
    with pytest.raises(DatasetError, match=r"no records in .* write them again by `dali-ssd convert`"):
        check(tmp_path / "e.rec", [])
    assert not (tmp_path / "out").exists()


def test_a_signal_that_stopped_it_is_named(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line ends by SystemExit on SIGTERM."""
    written: list[GpuCheck] = []

    def stop(*_: object) -> Outcome:
        raise SystemExit(128 + signal.SIGTERM)

    monkeypatch.setattr(bench, "run_on", stop)
    with pytest.raises(SystemExit):
        check(drawn, written)
    assert written[0].failures == ["it ended early: stopped by SIGTERM"]


def test_nothing_measured_is_a_failure(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "measure", lambda *_: [])
    assert check(drawn, []).failures == ["nothing was measured"]


def test_it_says_that_a_plugin_is_built_first(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(drawn, [], [Device("gpu", 3, (0,))], data_shapes="300")
    assert "GPU 3: a plugin that is not there is built first, which takes half a minute" in capsys.readouterr().err
    check(drawn, [], cpu_devices(1), data_shapes="300")
    assert "built first" not in capsys.readouterr().err


@pytest.mark.parametrize(("broken", "sets"), [({0}, [(1,)]), ({0, 1}, [])])
def test_a_device_without_cuda_is_not_measured(
    broken: set[int],
    sets: list[tuple[int, ...]],
    drawn: Path,
    asked: list[tuple[tuple[int, ...], str, int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check_device(device: Device, *given: Any) -> None:
        given[-1](CheckResult(CUDA, "no device" if device.number in broken else "", device=str(device)))

    monkeypatch.setattr(session, "check_device", check_device)
    found = check(drawn, [], [Device("gpu", number, (number,)) for number in (0, 1)], data_shapes="300")
    assert [devices for devices, *_ in asked] == [numbers for numbers in sets for _ in range(2)]
    assert len(found.failures) == (1 if sets else 2)
    assert found.threads == [max(1, available_cores() // 2)]


def test_checks_that_are_not_made_are_said_once_for_each_reason(
    drawn: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def check_device(device: Device, sample: Sample, names: Sequence[str], *given: Any) -> None:
        for name in names:
            given[-1](CheckResult(name, "x" * 400, made=False, device=str(device)))

    monkeypatch.setattr(session, "check_device", check_device)
    check(drawn, [], data_shapes="300")
    lines = [line for line in capsys.readouterr().err.splitlines() if "not checked" in line]
    assert [line.partition(":")[0] for line in lines] == ["CPU 0", "CPU 1"]
    assert max(map(len, lines)) < 300


def test_devices_and_what_was_before_are_kept(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    devices = [Device("cpu", number, (0,)) for number in range(2)]
    found = check(drawn, [], devices, data_shapes="300")
    assert found.devices == devices
    assert found.before.notes == ["2 devices share 1 core, so they slow each other down"]
    assert "warning: 2 devices share 1 core" in capsys.readouterr().err
