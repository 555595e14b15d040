"""Training, scoring and drawing from the command line, on small drawn shards."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from dali_ssd.cli.main import main
from dali_ssd.gluon.checkpoint.file import find_checkpoints
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter
from dali_ssd.reporting.history import read_history
from dali_ssd.synthetic import SHAPES, write_shapes
from tests.end_to_end.training import NAME, SMALL, TRAIN, fails, same_weights

pytest.importorskip("mxnet")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, "train", 32, seed=0, num_shards=2)
    write_shapes(folder, "val", 10, seed=0)
    return folder


def train(shards: Path, out: Path, *more: str) -> int:
    files = ["--train", str(shards / "train-*.rec"), "--val", str(shards / "val.rec")]
    return main(["train", *files, *TRAIN, "--save-prefix", f"{out}/", *more])


@pytest.fixture(scope="module")
def trained(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    assert train(shards, out, "--epochs", "2", "--save-interval", "1", "--checkpoint-every", "3") == 0
    return out


def test_a_training_leaves_what_it_promises(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert {f"{NAME}_train.log", f"{NAME}_metrics.jsonl", f"{NAME}_curve.png"} <= names
    assert any(re.fullmatch(rf"{NAME}_0001_\d\.\d{{4}}\.params", name) for name in names)
    log = (trained / f"{NAME}_train.log").read_text()
    assert re.search(r"\[Epoch 1\]\[Batch 3\], Speed: [\d.]+ samples/sec, CrossEntropy=[\d.]+, SmoothL1=[\d.]+\n", log)
    assert re.search(r"\[Epoch 1\] Validation: \ncircle=.*\nsquare=.*\ntriangle=.*\nstar=.*\nmAP=\d\.\d{3}\n", log)
    assert log.startswith("Options: --train ") and "; --network mobilenet0.25; --data-shape 128; " in log
    epochs = [entry for entry in read_history(trained / f"{NAME}_metrics.jsonl") if entry["kind"] == "epoch"]
    assert [entry["step"] for entry in epochs] == [4, 8]
    with Image.open(trained / f"{NAME}_curve.png") as curve:
        assert curve.format == "PNG"


def test_the_same_seed_trains_the_same_network(shards: Path, trained: Path, tmp_path: Path) -> None:
    assert train(shards, tmp_path, "--epochs", "2", "--save-interval", "0") == 0
    assert same_weights(*(find_checkpoints(f"{folder}/{NAME}")[-1] for folder in (trained, tmp_path)))


def test_resuming_gives_the_same_network(shards: Path, trained: Path, tmp_path: Path) -> None:
    inside = find_checkpoints(f"{trained}/{NAME}")[0]
    assert int(inside.stem[-8:]) == 6
    assert train(shards, tmp_path, "--epochs", "2", "--save-interval", "0", "--resume", str(inside)) == 0
    assert same_weights(*(find_checkpoints(f"{folder}/{NAME}")[-1] for folder in (trained, tmp_path)))
    history = read_history(tmp_path / f"{NAME}_metrics.jsonl")
    assert [entry["step"] for entry in history if entry["kind"] != "placement"] == [2, 4, 4, 6, 8, 8]
    # Of either run: another machine may have another GPU, or none.
    placements = [place for place, entry in enumerate(history) if entry["kind"] == "placement"]
    assert placements == [0, 1 + [entry.get("step") for entry in history].index(6)]


def test_resume_auto_begins_or_goes_on(shards: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert train(shards, tmp_path, "--epochs", "1", "--resume", "auto") == 0
    assert "Going on from" not in capfd.readouterr().err
    assert train(shards, tmp_path, "--epochs", "2", "--resume", "auto") == 0
    err = capfd.readouterr().err
    assert f"Going on from {tmp_path}/{NAME}_00000004.ckpt: [Epoch 1][Batch 0]" in err
    assert "Start training from [Epoch 1]" in err


def test_resume_auto_passes_over_a_damaged_checkpoint(
    shards: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert train(shards, tmp_path, "--epochs", "2", "--checkpoint-every", "2") == 0
    *_, older, newest = find_checkpoints(f"{tmp_path}/{NAME}")
    newest.write_bytes(newest.read_bytes()[:5000])
    (tmp_path / f".{NAME}_00000009.{2**30}-0123abcd.tmp.ckpt").touch()  # of a process that was killed
    assert train(shards, tmp_path, "--epochs", "2", "--resume", "auto") == 0
    err = capfd.readouterr().err
    assert f"{newest} is not a whole checkpoint" in err and f"Going on from {older}" in err
    assert not list(tmp_path.glob(".*"))


def test_a_training_that_goes_back_keeps_what_it_saves(
    shards: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["--epochs", "2", "--checkpoint-every", "2", "--checkpoint-keep", "2", "--save-interval", "0"]
    assert train(shards, tmp_path, *options) == 0
    older, newest = find_checkpoints(f"{tmp_path}/{NAME}")
    assert train(shards, tmp_path, *options, "--resume", str(older), "--lr", "0.0001") == 0
    assert f"Set aside, since this training run goes on from before it: {newest}.abandoned" in capfd.readouterr().err
    assert find_checkpoints(f"{tmp_path}/{NAME}") == [older, newest] and Path(f"{newest}.abandoned").is_file()
    assert not same_weights(newest, Path(f"{newest}.abandoned"))


def test_bad_records_of_training_and_validation_are_listed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for stem, count in (("train-0", 16), ("val", 8)):
        (shard,) = write_shapes(tmp_path / "shards", stem, count, seed=0)
        cut = shard.stat().st_size - 100
        os.truncate(shard, cut)
    options = ["--epochs", "1", "--on-bad", "skip", "--max-bad", "0.2"]
    assert train(tmp_path / "shards", tmp_path / "out", *options) == 0
    log = (tmp_path / "out" / f"{NAME}_train.log").read_text()
    for name, listed in (("bad_records", "train-0.rec"), ("bad_val_records", "val.rec")):
        path = tmp_path / "out" / f"{NAME}_{name}.txt"
        assert listed in path.read_text() and f"1 bad record left out; {path} lists what is wrong" in log


def test_parameters_resume_with_a_start_epoch(
    shards: Path, trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    [parameters] = trained.glob(f"{NAME}_0001_*.params")
    options = ["--epochs", "3", "--start-epoch", "2", "--lr-decay-epoch", "1", "--resume", str(parameters)]
    assert train(shards, tmp_path, *options) == 0
    err = capfd.readouterr().err
    assert "Start training from [Epoch 2]" in err
    assert "[Epoch 2] Set learning rate to 0.001" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch-size", "4"], "batch_size was 8 and is 4"),
        (["--seed", "1"], "seed was 233 and is 1"),
        (["--classes", "a,b,c,d"], "classes was"),
        (["--start-epoch", "1"], "a checkpoint knows its epoch"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(
    shards: Path, trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    checkpoint = find_checkpoints(f"{trained}/{NAME}")[-1]
    assert train(shards, tmp_path, "--epochs", "3", "--resume", str(checkpoint), *options) == 2
    assert message in capfd.readouterr().err


def test_a_checkpoint_of_other_shards_is_refused(
    shards: Path, trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    checkpoint = find_checkpoints(f"{trained}/{NAME}")[-1]
    options = ["--epochs", "3", "--train", str(shards / "val.rec"), "--resume", str(checkpoint)]
    assert train(shards, tmp_path, *options) == 2
    assert "the shards" in capfd.readouterr().err


def test_sigterm_saves_and_the_resumed_training_is_the_same(shards: Path, trained: Path, tmp_path: Path) -> None:
    files = ["--train", str(shards / "train-*.rec"), "--val", str(shards / "val.rec")]
    command = [sys.executable, "-m", "dali_ssd", "train", *files, *TRAIN, "--save-prefix", f"{tmp_path}/"]
    options = ["--epochs", "2", "--save-interval", "0", "--checkpoint-every", "1", "--checkpoint-keep", "1"]
    process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300  # kernels may have to be compiled first
    while not find_checkpoints(f"{tmp_path}/{NAME}") and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (0, 128 + signal.SIGTERM)
    if process.returncode:
        assert re.search(r"SIGTERM: stopped after step \d; saved .*\.ckpt; go on with --resume", err)
        assert train(shards, tmp_path, *options, "--resume", "auto") == 0
    assert same_weights(*(find_checkpoints(f"{folder}/{NAME}")[-1] for folder in (trained, tmp_path)))


def test_eval_scores_parameters_and_checkpoints_alike(
    shards: Path, trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    [parameters] = trained.glob(f"{NAME}_0001_*.params")
    checkpoint = find_checkpoints(f"{trained}/{NAME}")[-1]
    records = []
    for file in (parameters, checkpoint):
        json_file, picture, page = (tmp_path / name for name in ("scores.json", "found.png", "report.html"))
        options = ["--json", str(json_file), "--draw", str(picture), "--batch-size", "4", "--min-score", "0.01"]
        options += ["--report", str(page)]
        assert main(["eval", "--params", str(file), "--val", str(shards / "val.rec"), "--gpus", "", *options]) == 0
        out = capfd.readouterr().out
        assert out.startswith("10 images\n")
        assert all(re.search(rf"^{name} +\d\.\d{{3}}$", out, re.MULTILINE) for name in (*SHAPES, "AP50"))
        assert re.search(r"^mAP \(VOC07\) +\d\.\d{3}$", out, re.MULTILINE)
        with Image.open(picture) as drawn:
            assert drawn.width > 1000
        html = page.read_text()
        assert f"{file.name} on val.rec" in html and "SHA-256" in html and "val.rec record" in html
        records.append(json.loads(json_file.read_text()) | {"params": ""})
    assert records[0] == records[1]
    errors = records[0]["errors"]
    assert errors["right"] + errors["missed"] == sum(map(sum, records[0]["confusion"][:-1]))
    assert set(records[0]["ap"]) == set(SHAPES)
    scored = [entry["map"] for entry in read_history(trained / f"{NAME}_metrics.jsonl") if entry["kind"] == "epoch"]
    assert records[0]["map"] == pytest.approx(scored[-1])


def test_eval_tells_of_objects_that_it_cannot_score(
    shards: Path, trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, image = open_dataset(shards / "val.rec").read(0)
    boxes = [[0.1, 0.1, 0.6, 0.6], [1.2, 0.1, 1.5, 0.5], [0.2, 0.3, 0.2, 0.6]]
    with ShardWriter(tmp_path, "odd") as writer:
        writer.write(pack(Header(build_label(boxes, [0, 0, 1])), image))
    [parameters] = trained.glob(f"{NAME}_0001_*.params")
    options = ["--params", str(parameters), "--classes", ",".join(SHAPES), *SMALL]
    assert main(["eval", "--val", str(writer.paths[0]), *options]) == 0
    out = capfd.readouterr().out
    assert out.startswith("1 image\n")
    assert re.search(rf"^{SHAPES[1]} +-  no objects$", out, re.MULTILINE)
    assert "\n1 object outside of the image: never matched" in out
    assert "\n1 object without area: passed over" in out


def test_demo_in_small(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = ["--epochs", "1", "--train-images", "24", "--val-images", "8", "--batch-size", "8"]
    assert main(["demo", "--out", str(tmp_path), *options]) == 0
    out = capfd.readouterr().out
    assert re.search(r"training +\d+ images/s over 24 images", out)
    assert re.search(r"loader +\d+ images/s alone", out)
    assert re.search(r"mAP@0.5 +\d\.\d{3}", out)
    files = [line.rpartition(": ")[2] for line in out.splitlines()[-5:]]
    assert all(Path(path).is_file() for path in files)
    assert sorted(Path(path).suffix for path in files) == [".html", ".params", ".png", ".png", ".png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no training shards; give them with --train"),
        (["--train", "none-*.rec"], "none-*.rec"),
        (["--train", "EMPTY", "--classes", "a"], "empty.rec"),
        (["--train", "VAL", "--network", "alexnet"], "no SSD of 128 pixels with --network alexnet"),
        (["--train", "VAL", "--gpus", "7"], "MXNet finds no GPU 7"),
        (["--train", "VAL", "--classes", "no/names.txt"], "no/names.txt"),
        (["--train", "VAL", "--classes", "only,two"], "class id"),
        (["--train", "VAL", "--resume", "none.params"], "there is no parameter file none.params"),
        (["--train", "VAL", "--resume", "none.ckpt"], "there is no checkpoint none.ckpt"),
        (["--train", "VAL", "--lr-decay-epoch", "soon"], "--lr-decay-epoch"),
        (["--train", "VAL", "--epochs", "0"], "epochs must be greater than 0"),
        (["--train", "VAL", "--val", "none.rec"], "none.rec"),
        (["--train", "VAL", "--amp"], "--amp needs a GPU"),
    ],
)
def test_train_says_what_is_wrong(
    shards: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    (tmp_path / "empty.rec").touch()
    replaced = {"EMPTY": str(tmp_path / "empty.rec"), "VAL": str(shards / "val.rec")}
    options = [replaced.get(option, option) for option in options]
    out = ["--save-prefix", f"{tmp_path}/out/"]
    fails(["train", *TRAIN, *out, *options], capfd, message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--params", "none.params"], "there is no parameter file none.params"),
        (["--params", "none.ckpt"], "there is no checkpoint none.ckpt"),
        (["--params", "GARBAGE"], "garbage.params is no parameter file of MXNet"),
        (["--params", "PARAMS", "--val", "none.rec"], "none.rec"),
        (["--params", "PARAMS", "--val", "EMPTY"], "no objects"),
        (["--params", "PARAMS", "--classes", "a,b,c,d,e"], "belongs to another network"),
        (["--params", "PARAMS", "--json", "no/folder/x.json"], "--json no/folder/x.json: there is no folder"),
    ],
)
def test_eval_says_what_is_wrong(
    shards: Path,
    trained: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    message: str,
) -> None:
    monkeypatch.setattr("dali_ssd.synthetic.EMPTY", 1.0)
    [empty] = write_shapes(tmp_path, "empty", 2, seed=0)
    (tmp_path / "garbage.params").write_bytes(b"garbage")
    [parameters] = trained.glob(f"{NAME}_0001_*.params")
    replaced = {"PARAMS": str(parameters), "EMPTY": str(empty), "GARBAGE": str(tmp_path / "garbage.params")}
    options = [replaced.get(option, option) for option in options]
    val = [] if "--val" in options else ["--val", str(shards / "val.rec")]
    fails(["eval", *SMALL, *val, *options], capfd, message)


def test_demo_where_nothing_can_be_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    fails(["demo", "--out", str(tmp_path / "file"), "--train-images", "8"], capfd, "file")
