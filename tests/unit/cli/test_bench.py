"""`dali-ssd bench` without measuring: options, earlier records, output files."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from dali_ssd.bench import session
from dali_ssd.bench.measuring.before import Before
from dali_ssd.bench.measuring.child import Request
from dali_ssd.bench.measuring.devices import Device
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.bench.planning import session as planning
from dali_ssd.bench.results import plot
from dali_ssd.bench.results.record import read_record
from dali_ssd.bench.results.steps import CONTENDER
from dali_ssd.cli.main import main
from dali_ssd.machine.gpu import GpuReading
from dali_ssd.util.parallel import available_cores
from tests.support.smi import gpu, install_smi

SPEEDS = {"dali_ssd": 1000.0, "gluoncv": 50.0}


@pytest.fixture(autouse=True)
def fake_children(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """No process is started: contenders have the speeds above, and any other fails."""
    asked: list[Request] = []

    def run_on(devices: Sequence[Device], request: Request, timeout: float) -> Outcome:
        asked.append(request)
        speed = SPEEDS.get(request.contender)
        if speed is None:
            return Outcome(error="ValueError: no")
        parts = [Outcome(speed * share) for share in (0.9, 0.8)[: len(devices)]]
        return Outcome(sum(part.images_per_second for part in parts), devices=parts) if parts[1:] else Outcome(speed)

    monkeypatch.setattr(session, "run_on", run_on)
    return asked


def bench(*options: object) -> int:
    return main(["bench", *map(str, options), "--device", "cpu"])


def test_measures_prints_and_writes(shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, plot = tmp_path / "bench.json", tmp_path / "bench.png"
    pytest.importorskip("matplotlib")
    assert bench(shard, "--contenders", "dali_ssd,gluoncv", "--json", saved, "--plot", plot) == 0
    assert "20.0x" in capsys.readouterr().out
    assert plot.read_bytes().startswith(b"\x89PNG")
    record = read_record(saved)
    assert record.command[:3] == ["dali-ssd", "bench", str(shard)]
    assert record.data.records == 4
    assert len(record.runs) == 6


def test_without_matplotlib_the_picture_is_left_out_and_said_once(
    shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    plot = tmp_path / "bench.png"
    assert bench(shard, "--contenders", "dali_ssd,gluoncv", "--plot", plot) == 0
    printed = capsys.readouterr()
    assert "20.0x" in printed.out
    said = f"dali-ssd: {plot} is left out: Matplotlib is not installed; run: pip install 'dali-ssd[pictures]'\n"
    assert printed.err.count(said) == 1
    assert not plot.exists()


def test_an_earlier_record_is_shown_without_measuring(
    shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], fake_children: list[Request]
) -> None:
    saved = tmp_path / "bench.json"
    bench(shard, "--contenders", "dali_ssd,gluoncv", "--rounds", 1, "--json", saved)
    first, asked = capsys.readouterr().out, len(fake_children)
    assert main(["bench", "--record", str(saved)]) == 0
    assert capsys.readouterr().out == first
    assert len(fake_children) == asked


def test_contenders_get_the_same_work(shard: Path, fake_children: list[Request]) -> None:
    settings = ("--threads", "1,2", "--batch-sizes", "4,8", "--rounds", 1, "--seed", 7)
    bench(shard, "--contenders", "dali_ssd,gluoncv", *settings)
    works = {name: [asked.work for asked in fake_children if asked.contender == name] for name in SPEEDS}
    assert works["dali_ssd"] == works["gluoncv"]
    assert {(work.threads, work.batch_size) for work in works["dali_ssd"]} == {(1, 4), (1, 8), (2, 4), (2, 8)}
    assert {work.shards for work in works["dali_ssd"]} == {(str(shard.resolve()),)}
    assert {work.seed for work in works["dali_ssd"]} == {7}


def test_several_devices_are_compared_with_one(
    shard: Path, tmp_path: Path, fake_children: list[Request], capsys: pytest.CaptureFixture[str]
) -> None:
    saved, plot = tmp_path / "bench.json", tmp_path / "bench.png"
    pytest.importorskip("matplotlib")
    options = ("--cpus", 2, "--contenders", "dali_ssd,gluoncv", "--threads", 3, "--json", saved, "--plot", plot)
    assert bench(shard, *options) == 0
    printed = capsys.readouterr().out
    assert "x one" in printed
    assert "each device, images/s: dali_ssd, 3 threads, batch 32 on devices 0,1: 0: 900, 1: 800\n" in printed
    assert {asked.work.threads for asked in fake_children} == {3}
    record = read_record(saved)
    assert [run.trial.devices for run in record.runs[:4]] == [(0,), (0,), (0, 1), (0, 1)]
    assert [part.images_per_second for part in record.runs[2].outcome.devices] == [900, 800]
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert main(["bench", "--record", str(saved)]) == 0
    assert capsys.readouterr().out == printed


def test_gpus_that_are_not_there_are_refused_before_measuring(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["bench", str(shard), "--gpus", "all"]) == 2
    assert "there is no NVIDIA GPU here: nvidia-smi is not on PATH" in capsys.readouterr().err


def test_the_hosts_part_for_a_gpu_is_called_so_everywhere(
    shard: Path,
    tmp_path: Path,
    fake_children: list[Request],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of `--steps --device gpu` without a GPU: no figure of it is a GPU's, and no process builds the plugin again."""
    monkeypatch.setattr(session, "gpu_names", lambda: [])
    monkeypatch.setattr(session, "plugin_note", lambda _: ["without the plugin: no nvcc"])
    monkeypatch.setitem(SPEEDS, CONTENDER, 100.0)
    saved = tmp_path / "steps.json"
    assert main(["bench", str(shard), "--steps", "--device", "gpu", "--json", str(saved)]) == 0
    printed = capsys.readouterr()
    what = "steps at 300 px on the host, as its part for a GPU that is not here"
    assert printed.out.startswith(f"{what}, 4 records")
    assert "warning: without the plugin: no nvcc" in printed.err
    assert read_record(saved).before.notes == ["without the plugin: no nvcc"]
    assert {request.work.plugin for request in fake_children} == {"off"}
    assert plot._title(read_record(saved)).startswith(what)
    assert main(["bench", "--record", str(saved)]) == 0
    assert capsys.readouterr().out == printed.out


@pytest.mark.parametrize(("contenders", "prepared"), [("dali_ssd", True), ("mine.loader", True), ("decode", False)])
def test_the_plugin_is_prepared_before_the_first_measurement_on_a_gpu(
    contenders: str,
    prepared: bool,
    shard: Path,
    tmp_path: Path,
    fake_children: list[Request],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0, utilization_gpu="0")])
    measured_before: list[int] = []

    def plugin_note(timeout: float) -> list[str]:
        measured_before.append(len(fake_children))
        return []

    monkeypatch.setattr(session, "plugin_note", plugin_note)
    main(["bench", str(shard), "--device", "gpu", "--contenders", contenders, "--rounds", "1"])
    assert measured_before == ([0] if prepared else [])
    bench(shard, "--contenders", contenders, "--rounds", 1)  # on the CPU
    assert len(measured_before) == prepared


def test_other_work_on_the_gpu_is_noticed(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_smi(tmp_path, monkeypatch, [gpu(0, utilization_gpu="0", memory_used="40123")])
    saved = tmp_path / "bench.json"
    options = ("--gpus", "0", "--contenders", "decode,dali_ssd", "--rounds", "1", "--json", str(saved))
    monkeypatch.setattr(session, "plugin_note", lambda _: [])
    assert main(["bench", str(shard), *options]) == 0
    said = "GPU 0 had other work before the first measurement: 0% utilization, 40,123 MB in use"
    printed = capsys.readouterr()
    assert f"warning: {said}" in printed.err
    assert f"note: {said}" in printed.out
    assert read_record(saved).before == Before({"GPU 0": GpuReading(0.0, 40123.0)}, [said])


@pytest.fixture
def measured_here(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Runs of a plan take 0.05 ms an image on a GPU's host, and 2 ms on the CPU; there is no plugin."""
    asked: list[Request] = []

    def run_on(devices: Sequence[Device], request: Request, timeout: float) -> Outcome:
        asked.append(request)
        return Outcome(1000.0, cpu_ms_per_image=0.05 if request.work.until == "host" else 2.0)

    monkeypatch.setattr(session, "run_on", run_on)
    monkeypatch.setattr(planning, "plugin_note", lambda _: ["without the plugin: no nvcc"])
    return asked


def test_a_plan_is_measured_printed_and_written(
    shard: Path, tmp_path: Path, measured_here: list[Request], capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "plan.json"
    text = "gpus=8,nodes=8,rate=1527,batch=16,parameters=25,cores=64"
    assert main(["bench", str(shard), "--plan", text, "--rounds", "2", "--json", str(saved)]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("8 nodes of 8 GPUs, SSD of 300 px: 1,527 images/s a GPU, 12,216 a node")
    assert "warning: without the plugin: no nvcc" in printed.err
    plan = json.loads(saved.read_text())
    assert plan["command"] == ["dali-ssd", "bench", str(shard), "--plan", text, *plan["command"][5:]]
    assert plan["costs"]["record_bytes"] == shard.stat().st_size / 4
    assert [plan["costs"][name] for name in ("host_ms", "cpu_ms", "parameters")] == [0.05, 2.0, 25e6]
    assert plan["notes"] == ["without the plugin: no nvcc"]
    assert not plan["plugin"]
    works = [(asked.contender, asked.work) for asked in measured_here]
    assert [name for name, _ in works] == [CONTENDER, CONTENDER, "dali_ssd", "dali_ssd"]
    assert {work.batch_size for _, work in works} == {16}
    assert {(work.device, work.until) for _, work in works} == {("gpu", "host"), ("cpu", "")}
    assert {work.plugin for name, work in works if name == CONTENDER} == {"off"}
    assert {work.threads for _, work in works} == {available_cores()}


def test_a_plan_takes_cores_and_memory_of_this_machine_if_it_is_not_told(
    shard: Path, tmp_path: Path, measured_here: list[Request]
) -> None:
    saved = tmp_path / "plan.json"
    assert main(["bench", str(shard), "--plan", "rate=1", "--json", str(saved)]) == 0
    plan = json.loads(saved.read_text())
    assert plan["here"] == ["cores", "memory_gb"]
    assert plan["cluster"]["cores"] == available_cores()
    assert 0 < plan["cluster"]["memory_gb"] <= plan["machine"]["memory_gb"]
    assert plan["costs"]["parameters"] == 0  # one GPU exchanges none


def test_a_plan_for_a_network_that_is_not_there_is_refused_before_measuring(
    shard: Path, measured_here: list[Request], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gluoncv")
    assert main(["bench", str(shard), "--plan", "rate=1,gpus=2,network=vgg19"]) == 2
    assert "--network vgg19; there are: " in capsys.readouterr().err
    assert measured_here == []


def test_a_plan_without_a_measurement_is_refused(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(planning, "plugin_note", lambda _: [])
    saved = tmp_path / "plan.json"
    assert main(["bench", str(shard), "--plan", "rate=1", "--json", str(saved)]) == 2  # the fake children fail
    said = capsys.readouterr().err
    assert "cannot measure what an image costs (host, " in said and "ValueError: no" in said
    assert not saved.exists()


def test_training_names_its_network(
    shard: Path, fake_children: list[Request], capsys: pytest.CaptureFixture[str]
) -> None:
    bench(shard, "--train", "--rounds", 1)
    assert {asked.network for asked in fake_children} == {"mobilenet0.25"}
    assert "train mobilenet0.25 at 300 px" in capsys.readouterr().out


def test_without_shards_some_are_drawn(fake_children: list[Request], capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("--draw", 3, "--contenders", "dali_ssd", "--rounds", 1) == 0
    assert "3 records" in capsys.readouterr().out
    (work,) = (asked.work for asked in fake_children)
    assert not Path(work.shards[0]).exists()


@pytest.mark.parametrize(("contenders", "code"), [("gluoncv,stock", 0), ("dali_ssd,stock", 0), ("stock", 1)])
def test_a_peer_that_fails_is_a_finding(shard: Path, contenders: str, code: int) -> None:
    assert bench(shard, "--contenders", contenders, "--rounds", 1) == code


def test_our_own_failure_fails(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(SPEEDS, "dali_ssd")
    assert bench(shard, "--contenders", "dali_ssd,gluoncv", "--rounds", 1) == 1


@pytest.mark.parametrize(("option", "name"), [("--json", "a.json"), ("--plot", "a.png")])
def test_output_that_cannot_be_written_is_refused_before_measuring(
    shard: Path,
    tmp_path: Path,
    option: str,
    name: str,
    fake_children: list[Request],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert bench(shard, option, tmp_path / "none" / name) == 2
    assert f"{option} {tmp_path}" in capsys.readouterr().err
    assert fake_children == []


@pytest.mark.parametrize(("option", "name"), [("--json", "a.json"), ("--plot", "a.png")])
def test_a_folder_that_may_not_be_written_to_is_refused_before_measuring(
    shard: Path,
    tmp_path: Path,
    option: str,
    name: str,
    fake_children: list[Request],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Permissions do not stop root, who may run the tests.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert bench(shard, option, tmp_path / name) == 2
    assert f"may not write to {tmp_path}" in capsys.readouterr().err
    assert fake_children == []


def test_unknown_contenders_are_listed(shard: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        bench(shard, "--contenders", "fast")
    assert caught.value.code == 2
    assert "no contender fast" in " ".join(capsys.readouterr().err.split())


def test_missing_shards_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(tmp_path / "none.rec") == 2
    assert "none.rec" in capsys.readouterr().err
