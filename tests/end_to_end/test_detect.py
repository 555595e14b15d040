"""Detections from the command line, by a network that was built and not trained: it finds much, all of it wrong."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("mxnet")
pytest.importorskip("gluoncv")

import mxnet as mx

from dali_ssd.cli.main import main
from dali_ssd.gluon.checkpoint.file import write_checkpoint
from dali_ssd.gluon.checkpoint.parameters import save_parameters
from dali_ssd.gluon.checkpoint.state import parameter_arrays
from dali_ssd.gluon.evaluate import detect
from dali_ssd.gluon.networks.zoo import build_network, initialize
from dali_ssd.gluon.training.run import learned_by
from dali_ssd.loader import ValLoader
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.writer import ShardWriter
from dali_ssd.synthetic import SHAPES, write_shapes
from dali_ssd.util.words import counted
from tests.end_to_end.training import NAME, fails
from tests.support.records import encoded, record

SIDE = 128
ALL = ["--gpus", "", "--min-score", "0"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with shards, the names of their classes, parameters, and a checkpoint."""
    folder = tmp_path_factory.mktemp("run")
    write_shapes(folder, "val", 10, seed=0)
    net = network()
    save_parameters(net, folder / f"{NAME}_best.params")
    identity = {"network": "mobilenet0.25", "data_shape": SIDE, "classes": list(SHAPES)}
    identity |= learned_by(find_recipe(data_shape=SIDE))
    write_checkpoint(folder / "last.ckpt", parameter_arrays(net), {"identity": identity})
    return folder


def network() -> Any:
    mx.random.seed(0)
    net = build_network("mobilenet0.25", SIDE, SHAPES)
    initialize(net, [mx.cpu()], SIDE)
    return net


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "detections.jsonl").read_text(encoding="utf-8").splitlines()]


def test_detections_in_shards_are_those_of_eval(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """To the bit, in pixels of the stored images, from parameters and from a checkpoint."""
    shard, out = run / "val.rec", tmp_path / "out"
    params = ["--params", str(run / f"{NAME}_best.params")]
    assert main(["detect", str(shard), *params, *ALL, "--out", str(out)]) == 0
    found = lines(out)
    count = sum(len(line["detections"]) for line in found)
    assert capfd.readouterr().out == f"{count:,} objects in 10 images: {out / 'detections.jsonl'}\n"
    assert main(["detect", str(shard), "--params", str(run / "last.ckpt"), *ALL, "--out", str(tmp_path / "b")]) == 0
    assert lines(tmp_path / "b") == found
    net = network()
    net.load_parameters(str(run / f"{NAME}_best.params"))
    with ValLoader(shard, data_shape=SIDE, ctx=mx.cpu()) as loader:
        [(_, images)] = [device for batch in detect(net, loader, SIDE) for device in batch]
    records = list(open_dataset(shard))
    for line, seen, stored in zip(found, images, records, strict=True):
        width, height = Image.open(io.BytesIO(stored.image)).size
        assert (line["shard"], line["record"]) == (str(shard), stored.place.key)
        assert (line["width"], line["height"]) == (width, height)
        scores = np.array([one["score"] for one in line["detections"]], np.float32)
        assert scores.tobytes() == seen.scores.tobytes() and len(scores) > 0
        assert [one["class"] for one in line["detections"]] == [SHAPES[i] for i in seen.class_ids]
        boxes = seen.boxes.astype(np.float64) * np.array([width, height] * 2) / SIDE
        np.testing.assert_allclose([one["box"] for one in line["detections"]], boxes, rtol=0, atol=0.00051)
        with Image.open(out / line["picture"]) as picture:
            scale = max(width, height, 320) / max(width, height)
            assert picture.format == "JPEG" and picture.width == round(width * scale)
            assert picture.height >= round(height * scale)  # below a crowd of detections is a legend


def test_options_for_gpus_reach_the_loaders_of_detect_and_eval(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On a CPU they are without effect, which the loaders say."""
    params = ["--params", str(run / f"{NAME}_best.params"), "--gpus", "", "--plugin", "off", "--hw-decoder-load", "0.5"]
    detected = main(["detect", str(run / "val.rec"), *params, "--out", str(tmp_path / "out"), "--no-pictures"])
    network = ["--network", "mobilenet0.25", "--data-shape", str(SIDE)]
    assert (detected, main(["eval", *params, *network, "--val", str(run / "val.rec")])) == (0, 0)
    assert caplog.messages.count("on a CPU, hw_decoder_load, plugin: without effect") == 2


def test_image_files_give_what_their_records_give(run: Path, tmp_path: Path) -> None:
    """The class names are those beside the parameters; the pictures of equal names are all there."""
    for number, stored in enumerate(open_dataset(run / "val.rec")):
        path = tmp_path / "in" / str(number % 2) / f"{number // 2}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stored.image)
    params = ["--params", str(run / f"{NAME}_best.params"), *ALL]
    assert main(["detect", str(tmp_path / "in"), *params, "--out", str(tmp_path / "files")]) == 0
    assert main(["detect", str(run / "val.rec"), *params, "--out", str(tmp_path / "shard"), "--no-pictures"]) == 0
    of_files, of_shard = lines(tmp_path / "files"), lines(tmp_path / "shard")
    numbers = [2 * int(Path(line["file"]).stem) + int(Path(line["file"]).parent.name) for line in of_files]
    assert sorted(numbers) == list(range(10))
    for number, line in zip(numbers, of_files, strict=True):
        assert line["detections"] == of_shard[number]["detections"]
    assert len(list((tmp_path / "files").glob("*.jpg"))) == 10 and not list((tmp_path / "shard").glob("*.jpg"))


def test_what_tells_network_size_and_classes(run: Path, tmp_path: Path) -> None:
    """Options before a checkpoint, that before its name; names of classes beside shards before those of the file."""
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for name in ("val.rec", "val.idx"):
        shutil.copy(run / name, data)
    beside = ("w", "x", "y", "z")
    (data / "classes.txt").write_text("\n".join(beside) + "\n")
    (tmp_path / "a.jpg").write_bytes(next(iter(open_dataset(run / "val.rec"))).image)

    def seen(params: str | Path, path: Path, *options: str) -> list[dict[str, Any]]:
        command = [
            "detect",
            str(path),
            "--params",
            str(params),
            *ALL,
            "--out",
            str(out),
            "--no-pictures",
            "--overwrite",
        ]
        assert main([*command, *options]) == 0
        return [one for line in lines(out) for one in line["detections"]]

    def named(found: list[dict[str, Any]], classes: Sequence[str]) -> list[dict[str, Any]]:
        return [one | {"class": classes[one["class_id"]]} for one in found]

    params, checkpoint = run / f"{NAME}_best.params", run / "last.ckpt"
    image, shard = seen(checkpoint, tmp_path / "a.jpg"), seen(checkpoint, data / "val.rec")
    assert {one["class"] for one in image + shard} <= {*SHAPES} and len(image) > 4 and len(shard) > len(image)
    assert seen(checkpoint, data / "val.rec", "--classes", "a,b,c,d") == named(shard, "abcd")
    assert seen(params, data / "val.rec", "--classes", "a,b,c,d") == named(shard, "abcd")
    assert seen(params, data / "val.rec") == named(shard, beside)
    assert seen(params, tmp_path / "a.jpg") == image
    misnamed = "ssd_512_vgg16_atrous_custom"
    assert seen(shutil.copy(checkpoint, tmp_path / f"{misnamed}.ckpt"), tmp_path / "a.jpg") == image
    options = ("--network", "mobilenet0.25", "--data-shape", str(SIDE), "--classes", ",".join(SHAPES))
    assert seen(shutil.copy(params, tmp_path / f"{misnamed}.params"), tmp_path / "a.jpg", *options) == image


def test_labels_of_shards_are_read_by_their_unit(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with ShardWriter(tmp_path, "a") as writer:
        writer.write(record(boxes=[(4, 6, 20, 18)]))
    command = ["detect", str(tmp_path / "a.rec"), "--params", str(run / "last.ckpt"), *ALL, "--out"]
    assert main([*command, str(tmp_path / "auto")]) == 0
    assert main([*command, str(tmp_path / "pixel"), "--coordinates", "pixel"]) == 0
    assert lines(tmp_path / "pixel") == lines(tmp_path / "auto")
    fails([*command, str(tmp_path / "fraction"), "--coordinates", "fraction"], capfd, "every record is bad")


def test_images_of_all_kinds(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The bad ones are named and passed over, and the exit code says so."""
    folder, big = tmp_path / "in", (1600, 1200)
    folder.mkdir()
    deep = Image.fromarray(np.random.default_rng(0).integers(0, 65535, (30, 40)).astype(np.uint16))
    deep.save(folder / "deep.png")
    good = {
        "gray.jpg": encoded("JPEG", "L"), "cmyk.jpg": encoded("JPEG", "CMYK"), "alpha.png": encoded("PNG", "RGBA"),
        "gif.gif": encoded("GIF", "P"), "big.jpg": encoded(size=big), "dot.png": encoded("PNG", size=(1, 1)),
        "turned.jpg": encoded(size=(40, 30), orientation=6),
    }  # fmt: skip
    bad = {"cut.jpg": encoded()[:400], "empty.png": b"", "text.jpg": b"hello"}
    for name, data in (good | bad).items():
        (folder / name).write_bytes(data)
    (folder / "link.jpg").symlink_to("nowhere")
    command = ["detect", str(folder), "--params", str(run / f"{NAME}_best.params"), *ALL]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    said = capfd.readouterr().err
    assert (
        all(f"left out: {folder / name}: " in said for name in (*bad, "link.jpg"))
        and "4 images could not be read" in said
    )
    found = {Path(line["file"]).name: line for line in lines(tmp_path / "out")}
    assert found.keys() == {"deep.png", *good}
    assert (found["turned.jpg"]["width"], found["turned.jpg"]["height"], found["turned.jpg"]["turned"]) == (
        30,
        40,
        True,
    )
    for line in found.values():
        sides = [line["width"], line["height"]] * 2
        assert all(
            0 <= value <= side for one in line["detections"] for value, side in zip(one["box"], sides, strict=True)
        )
    with Image.open(tmp_path / "out" / "big.jpg") as picture:
        assert picture.width == 1280 and picture.height >= 960  # below a crowd of detections is a legend
    assert main(["detect", str(folder / "cut.jpg"), *command[2:], "--out", str(tmp_path / "none")]) == 2
    assert lines(tmp_path / "none") == []
    assert main([*command, "--stored", "--out", str(tmp_path / "stored")]) == 1
    stored = {Path(line["file"]).name: line for line in lines(tmp_path / "stored")}["turned.jpg"]
    assert (stored["width"], stored["height"], stored["turned"]) == (40, 30, False)


def test_results_within_the_folder_of_the_images_are_no_images(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded())
    command = ["detect", str(tmp_path), "--params", str(run / "last.ckpt"), *ALL, "--out", str(tmp_path / "out")]
    assert main(command) == 0 and "left alone" not in capfd.readouterr().err
    before = lines(tmp_path / "out")
    assert main([*command, "--overwrite"]) == 0 and lines(tmp_path / "out") == before
    assert f"2 files in {tmp_path / 'out'} left alone, because results go there\n" in capfd.readouterr().err


def test_an_upright_copy_gives_the_same_as_a_turned_image(run: Path, tmp_path: Path) -> None:
    (tmp_path / "turned.png").write_bytes(encoded("PNG", size=(400, 300), orientation=6))
    with Image.open(tmp_path / "turned.png") as image:
        image.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "upright.png", exif=b"")
    images = [str(tmp_path / name) for name in ("turned.png", "upright.png")]
    command = ["detect", *images, "--params", str(run / f"{NAME}_best.params"), *ALL, "--out", str(tmp_path / "out")]
    assert main(command) == 0
    turned, upright = lines(tmp_path / "out")
    assert turned["detections"] == upright["detections"]
    assert (turned["width"], turned["height"]) == (upright["width"], upright["height"]) == (300, 400)


def test_bad_records_are_passed_over(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with ShardWriter(tmp_path, "a") as writer:
        for one in (record(), record(image=b"no image"), record()):
            writer.write(one)
    command = ["detect", str(tmp_path / "a.rec"), "--params", str(run / "last.ckpt"), *ALL]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    assert [line["record"] for line in lines(tmp_path / "out")] == [0, 2]
    assert f"left out: {tmp_path / 'a.rec'}, record 1" in capfd.readouterr().err


def test_few_and_sure_detections(run: Path, tmp_path: Path) -> None:
    command = ["detect", str(run / "val.rec"), "--params", str(run / "last.ckpt"), "--gpus", "", "--no-pictures"]
    assert main([*command, "--min-score", "0", "--top-k", "3", "--out", str(tmp_path / "few")]) == 0
    assert all(len(line["detections"]) == 3 for line in lines(tmp_path / "few"))
    assert main([*command, "--min-score", "1", "--out", str(tmp_path / "none")]) == 0
    assert not any(line["detections"] for line in lines(tmp_path / "none"))


def test_what_is_found_before_an_interrupt_is_kept(run: Path, tmp_path: Path) -> None:
    """By Ctrl-C in the middle: each line is whole, and the next run says what to do."""
    [stored, *_] = open_dataset(run / "val.rec")
    for number in range(600):
        (tmp_path / "in" / f"{number}.jpg").parent.mkdir(exist_ok=True)
        (tmp_path / "in" / f"{number}.jpg").write_bytes(stored.image)
    out, part = tmp_path / "out", tmp_path / "out" / "detections.jsonl.part"
    options = ["--params", str(run / "last.ckpt"), "--gpus", "", "--batch-size", "4", "--out", str(out)]
    command = [sys.executable, "-m", "dali_ssd", "detect", str(tmp_path / "in"), *options]
    # A shell that runs the tests in the background has children ignore SIGINT.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as process:
        while process.poll() is None and not (part.exists() and part.stat().st_size):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT, errors
    found = [json.loads(line) for line in part.read_text(encoding="utf-8").splitlines()]
    assert 0 < len(found) < 600 and all((out / line["picture"]).exists() for line in found)
    assert f"interrupted: {counted(len(found), 'line')} in {part}\n" in errors and "Traceback" not in errors
    assert not (out / "detections.jsonl").exists()
    again = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 2 and "begin again by --overwrite" in again.stderr
    few = [str(tmp_path / "in" / "1.jpg"), *options, "--overwrite"]
    assert main(["detect", *few]) == 0 and len(lines(out)) == 1 and not part.exists()


def test_detect_says_what_is_wrong(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    params, image = run / f"{NAME}_best.params", tmp_path / "a.jpg"
    image.write_bytes(encoded())
    (tmp_path / "empty").mkdir()
    out = ["--gpus", "", "--out", str(tmp_path / "out")]
    fails(["detect", str(tmp_path / "empty"), "--params", str(params), *out], capfd, "no images among")
    fails(["detect", str(tmp_path / "none.jpg"), "--params", str(params), *out], capfd, "there is no")
    fails(
        ["detect", str(image), "--params", str(tmp_path / f"{NAME}.params"), "--classes", "a", *out],
        capfd,
        "no parameter",
    )
    fails(["detect", str(image), "--params", str(tmp_path / "mine.params"), *out], capfd, "there is no parameter file")
    alone = shutil.copy(params, tmp_path / "mine.params")
    fails(["detect", str(image), "--params", str(alone), "--classes", "a,b", *out], capfd, "which network")
    named = shutil.copy(params, tmp_path / params.name)
    fails(["detect", str(image), "--params", str(named), *out], capfd, "no class names")
    fails(["detect", str(image), "--params", str(named), "--classes", "a,b", *out], capfd, "belongs to another network")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    command = ["detect", str(image), "--params", str(params), *out]
    fails(command, capfd, "has files already")
    assert main([*command, "--overwrite"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"mine", "a.jpg", "detections.jsonl"}
