"""`dali-ssd bench` as a user runs it, on a handful of drawn images; the numbers do not matter here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.bench.measuring.resources import process_tree
from dali_ssd.bench.results.steps import STEPS
from dali_ssd.bench.work import HOST_STEPS
from dali_ssd.machine.gpu import gpu_names
from dali_ssd.synthetic import SHAPES, write_shapes

COMMAND = [sys.executable, "-m", "dali_ssd", "bench"]
SHORT = (
    *("--rounds", "1", "--seconds", "0.1", "--min-batches", "2"),
    *("--warmup", "2", "--warmup-seconds", "0.1", "--batch-sizes", "4"),
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pattern that matches two shards."""
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, "train", 12, seed=1, num_shards=2)
    return folder / "train-*.rec"


def bench(*options: object) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *SHORT, "--device", "cpu", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def runs_of(path: Path) -> dict[str, dict[str, Any]]:
    return {run["trial"]["contender"]: run["outcome"] for run in json.loads(path.read_text())["runs"]}


def test_two_contenders_from_shards_to_table_record_and_plot(shards: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    saved, plot = tmp_path / "bench.json", tmp_path / "bench.png"
    done = bench(shards, "--contenders", "dali_ssd,decode", "--threads", "1", "--json", saved, "--plot", plot)
    assert done.returncode == 0, done.stderr
    assert "12 records" in done.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")
    runs = runs_of(saved)
    assert set(runs) == {"dali_ssd", "decode"}
    for outcome in runs.values():
        assert outcome["error"] == ""
        assert outcome["images"] >= 8
        assert outcome["images_per_second"] > 0
        assert outcome["peak_memory_mb"] > 50
        assert outcome["startup_s"] > 0


def test_a_contender_of_pytorchs(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets PyTorch itself, and not the room of this package that has its name."""
    pytest.importorskip("torch")
    lines = [
        "import torch",
        "from dali_ssd.bench.work import WorkBatch",
        "def batches(work, anchors):",
        "    while True:",
        "        yield WorkBatch(work.batch_size, [torch.zeros(work.batch_size)])",
    ]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "loader.py").write_text("\n".join(lines))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    done = bench(shards, "--contenders", "mine.loader", "--threads", "1", "--json", tmp_path / "bench.json")
    assert done.returncode == 0, done.stderr
    assert runs_of(tmp_path / "bench.json")["mine.loader"]["error"] == ""


def test_two_parts_of_the_cpu_at_once(shards: Path, tmp_path: Path) -> None:
    """The twin of `--gpus 0,1`: the same processes, without CUDA."""
    saved = tmp_path / "bench.json"
    done = bench(shards, "--cpus", 2, "--contenders", "decode", "--threads", "1", "--json", saved)
    assert done.returncode == 0, done.stderr
    one, two = json.loads(saved.read_text())["summary"]
    assert (one["trial"]["devices"], two["trial"]["devices"]) == ([0], [0, 1])
    assert two["speed"]["median"] == pytest.approx(sum(two["each"]))
    assert two["scaling"]["median"] == pytest.approx(two["speed"]["median"] / (2 * one["speed"]["median"]))
    assert "each device, images/s: decode" in done.stdout


@pytest.mark.parametrize(
    ("device", "steps"),
    [("cpu", [step for step in STEPS if step not in ("place", "host")]), ("gpu", list(HOST_STEPS))],
)
def test_the_steps_of_the_pipeline(device: str, steps: list[str], shards: Path, tmp_path: Path) -> None:
    """Without a GPU, those of one are what the host does."""
    if device == "gpu" and gpu_names():
        pytest.skip("a GPU is here, and all steps would be measured")
    done = bench(shards, "--steps", "--device", device, "--json", tmp_path / "steps.json")
    assert done.returncode == 0, done.stderr
    runs = runs_of(tmp_path / "steps.json")
    assert list(runs) == steps
    assert [outcome["error"] for outcome in runs.values()] == [""] * len(steps)


def test_training_from_shards_and_from_a_constant_batch(shards: Path, tmp_path: Path) -> None:
    pytest.importorskip("mxnet")
    options = ("--train", "--data-shape", "128", "--contenders", "dali_ssd,synthetic")
    done = bench(shards, *options, "--json", tmp_path / "train.json")
    assert done.returncode == 0, done.stderr
    assert {outcome["error"] for outcome in runs_of(tmp_path / "train.json").values()} == {""}


def test_a_shard_that_cannot_be_decoded_fails_in_its_row_only(tmp_path: Path) -> None:
    pytest.importorskip("mxnet")
    from dali_ssd.records.dataset import open_dataset
    from dali_ssd.records.format.recordio import pack
    from dali_ssd.records.writer import ShardWriter

    (good,) = write_shapes(tmp_path, "good", 4, seed=1)
    with ShardWriter(tmp_path, "bad") as writer:
        for i in range(4):
            header, payload = open_dataset(good).read(i)
            head = payload[: payload.index(b"\xff\xda") + 14]  # up to where the pixels begin
            writer.write(pack(header, head + b"\0" * 50))
    done = bench(writer.paths[0], "--contenders", "decode,synthetic", "--json", tmp_path / "bench.json")
    assert done.returncode == 0, done.stderr
    runs = runs_of(tmp_path / "bench.json")
    assert runs["decode"]["error"]
    assert runs["synthetic"]["error"] == ""
    assert "failed: decode" in done.stdout


@pytest.mark.slow
def test_a_plan_is_made_of_what_images_cost_here(shards: Path, tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    short = SHORT[: SHORT.index("--batch-sizes")]
    text = "gpus=2,nodes=3,rate=50,batch=4,network=mobilenet0.25,classes=3,disk_mb_s=100"
    text += "" if find_spec("gluoncv") else ",parameters=1.5"
    command = [*COMMAND, *short, str(shards), "--plan", text, "--json", str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    plan = json.loads(saved.read_text())
    costs = plan["costs"]
    assert 0 < costs["host_ms"] < costs["cpu_ms"]
    assert costs["record_bytes"] == sum(shard.stat().st_size for shard in shards.parent.glob(shards.name)) / 12
    assert 0.9 * costs["record_bytes"] < costs["image_bytes"] < costs["record_bytes"]
    needs = {(need["what"], need["choice"]): need["needed"] for need in plan["needs"]}
    assert needs["cores", "decode=cpu"] == pytest.approx(100 * costs["cpu_ms"] / 1000)
    step = 4 * costs["parameters"] * 50 / 4  # bytes of gradients a second
    assert needs["network", "engine=horovod"] == pytest.approx(8e-9 * step * 2 * 5 / 6)
    assert needs["network", "engine=kvstore"] == pytest.approx(8e-9 * step * 2 * 2 * 2 / 3)
    assert plan["verdict"]["sentences"][0] in done.stdout


@pytest.mark.parametrize("content", [b"", b"\0" * 100])
def test_a_shard_without_records_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.rec").write_bytes(content)
    done = bench(tmp_path / "a.rec")
    assert done.returncode == 2
    assert done.stderr.startswith("dali-ssd: error: ")
    assert "a.rec" in done.stderr
    assert done.stderr.count("\n") == 1


def test_interrupting_ends_everything_at_once(shards: Path) -> None:
    command = [*COMMAND, str(shards), "--contenders", "decode", "--seconds", "300", "--device", "cpu"]
    # A shell that runs the tests in the background has children ignore SIGINT.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heed
    ) as process:
        deadline = time.monotonic() + 60
        while len(process_tree(process.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        children = process_tree(process.pid)[1:]
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "dali-ssd: interrupted" in errors
    assert "Traceback" not in errors
    assert children
    assert not [pid for pid in children if is_running(pid)]


def is_running(pid: int) -> bool:
    """Whether a process still runs after a moment; one that only waits for its exit code to be read does not."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize("loader", ["dali_ssd", "gluoncv"])
def test_accuracy_trains_and_scores_with_either_loader(
    loader: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mxnet")
    train, val = (write_shapes(tmp_path, name, 20, seed=seed)[0] for seed, name in enumerate(("train", "val")))
    small = ["--data-shape", "128", "--batch-size", "8", "--epochs", "1", "--workers", "1"]
    import_module("dali_ssd.bench.accuracy").main([str(train), str(val), "--loader", loader, *small])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["loader"] == loader
    assert 0 <= result["mAP"] <= 1
    assert result["AP"].keys() == set(SHAPES)
    assert result["images a second"] > 0
