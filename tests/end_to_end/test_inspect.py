"""`dali-ssd inspect` on good data and on bad: the table, the page and the JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd import __version__
from dali_ssd.cli.main import main
from dali_ssd.config import InputConfig
from dali_ssd.inspection import examine, matching
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.report import as_json
from dali_ssd.records.format.labels import build_label
from dali_ssd.synthetic import write_shapes
from tests.end_to_end.training import fails
from tests.support.records import Write, encoded, record, write
from tests.support.shards import draw
from tests.support.shards import encoded as encoded_pixels

__all__ = ["write"]

QUICK = ("--sample", "50", "--views", "1")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, "train", 40, seed=0, num_shards=2)
    return folder


def inspected(shard: Path, **options: Any) -> dict[str, Any]:
    """What `--json` would have of a shard, but for the time of decoding."""
    small: dict[str, Any] = {"network": "mobilenet0.25", "input": InputConfig(data_shape=128), "sample": 50, "views": 1}
    report = examine.examine(InspectConfig((str(shard),), **(small | options))).report
    found: dict[str, Any] = json.loads(json.dumps(as_json(report, ""), allow_nan=False))
    return found


def test_table_page_and_json_of_two_shards(shards: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    page, data = tmp_path / "a.html", tmp_path / "a.json"
    assert main(["inspect", str(shards / "train-*.rec"), "--html", str(page), "--json", str(data), *QUICK]) == 0
    out = capfd.readouterr().out
    assert "40 good records in 2 shards" in out and "augmented views" in out and out.endswith(f"{page}\n{data}\n")
    found = json.loads(data.read_text(encoding="utf-8"))
    assert (found["records"], found["network"], found["data_shape"]) == (40, "vgg16_atrous", 300)
    assert found["dali_ssd"] == __version__ and found["made_by"].startswith("dali-ssd inspect ")
    assert datetime.fromisoformat(found["made_at"]).tzinfo is not None
    assert found["augment"]["expand_ratio"] == [1, 4] and found["image"]["data_shape"] == 300
    assert {"vgg16_atrous"} <= {name for one in found["alternatives"] for name in one["names"]}
    for oddity in found["oddities"]:
        assert len(oddity["places"]) <= min(oddity["count"], 100) and (oddity["places"] or not oddity["count"])
    assert [shard["records"] for shard in found["shards"]] == [20, 20]
    objects = found["boxes"]["objects"]
    assert sum(one["objects"] for one in found["classes"]) == objects == found["sizes"][-1]["before"]["objects"]
    assert sum(found["boxes"]["sides"]["counts"]) == found["boxes"]["objects"]
    html = page.read_text(encoding="utf-8")
    assert html.count("<svg") >= 8 and html.count("<img") == len(found["exhibits"]) and "<script" not in html
    assert sorted(tmp_path.iterdir()) == [page, data]


def test_other_networks_and_sizes(shards: Path) -> None:
    found = inspected(shards / "train-*.rec")
    assert [layer["anchors"] for layer in found["layers"]] == [1024, 384, 96, 24, 4]
    again = inspected(shards / "train-*.rec")
    assert found | {"made_at": again["made_at"]} == again, "the seed decides everything"


def pixel_labels(write: Write) -> Path:
    boxes = np.array([[0.1, 0.2, 0.5, 0.6], [0.3, 0.1, 0.9, 0.8]]) * [40, 30, 40, 30]
    return write([record(boxes.tolist()) for _ in range(12)])


def damaged(write: Write) -> Path:
    shard = write([record() for _ in range(12)])
    data = bytearray(shard.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 99] = b"\xff" * 99
    shard.write_bytes(bytes(data))
    return shard


def broken_pixels(write: Write) -> Path:
    image = bytearray(encoded_pixels(draw(np.random.default_rng(0), 300, 300), "JPEG"))
    image[len(image) // 2 : -2] = bytes(len(image) - 2 - len(image) // 2)
    return write([record(image=bytes(image)) for _ in range(5)])


BAD: dict[str, tuple[Callable[[Write], Path], dict[str, Any]]] = {
    "one record": (lambda write: write([record()]), {"records": 1}),
    "no objects": (lambda write: write([record([]) for _ in range(3)]), {"records": 3}),
    "no good record": (lambda write: write([record(image=b"") for _ in range(3)]), {"records": 0, "bad": 3}),
    "one class": (lambda write: write([record(ids=[0]) for _ in range(3)]), {"records": 3}),
    "ids far apart": (lambda write: write([record(ids=[2**24]), record(ids=[0])]), {"records": 2}),
    "damaged shard": (damaged, {"bad": 1}),
    "labels in pixels": (pixel_labels, {"unit": "pixel", "records": 12}),
    "huge boxes": (lambda write: write([record([(-1, -1, 1.9, 1.9), (0, 0, 1, 1)])]), {"records": 1}),
    "boxes without area": (lambda write: write([record([(0.5, 0.5, 0.5, 0.7), (0.1, 0.1, 0.2, 0.2)])]), {"records": 1}),
    "hundreds of one box": (lambda write: write([record([(0.1, 0.1, 0.6, 0.7)] * 700, [0] * 700)]), {"records": 1}),
    "gray and panoramas": (
        lambda write: write([record(image=encoded("PNG", "L", size=(900, 10))), record(image=encoded("BMP"))]),
        {"records": 2},
    ),
    "difficult": (
        lambda write: write([record(label=build_label([[0, 0, 0.5, 0.5]], [0], [1]).tolist())]),
        {"records": 1},
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_whatever_is_in_the_shards(write: Write, name: str) -> None:
    make, expected = BAD[name]
    found = inspected(make(write))
    assert {key: found[key] for key in expected} == expected
    if name == "labels in pixels":
        assert {one["kind"] for one in found["findings"]} >= {"labels-in-pixels"}


def test_images_that_cannot_be_decoded_end_no_report(write: Write, tmp_path: Path) -> None:
    assert main(["inspect", str(broken_pixels(write)), "--json", str(tmp_path / "a.json"), *QUICK]) == 0
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["records"] == 5


def test_class_names_beyond_the_ids_are_counted(write: Write, tmp_path: Path) -> None:
    shard = write([record(ids=[number]) for number in range(4)])
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"[b]{number}" for number in range(5000)), encoding="utf-8")
    found = inspected(shard, classes=str(names))
    assert len(found["classes"]) == 5000 and found["classes"][7]["name"] == "[b]7"
    few = inspected(shard, classes="a,b")
    assert few["bad"] == 2, "records with class ids that no name has"


def test_a_sample_says_how_many_were_looked_at(shards: Path) -> None:
    found = inspected(shards / "train-*.rec", sample=10)
    assert (found["records"], found["sample"]["records"]) == (40, 10)
    assert found["sample"]["objects"] < found["boxes"]["objects"]


def test_what_cannot_be_written_is_refused_before_the_work(
    shards: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = str(shards / "train-*.rec")
    fails(["inspect", shard, "--html", str(tmp_path / "none" / "a.html")], capfd, "there is no folder")
    (tmp_path / "a.json").mkdir()
    fails(["inspect", shard, "--json", str(tmp_path / "a.json")], capfd, "is a folder; give the name of a file")
    fails(["inspect", shard, "--json", "a.txt"], capfd, ".json")
    fails(["inspect", str(tmp_path / "none.rec")], capfd, "none.rec")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    fails(["inspect", shard, "--html", str(tmp_path / "a.html")], capfd, "pip install")


def test_ctrl_c_leaves_no_files(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for module, name in ((matching, "training_kernel"), (examine, "advise")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, interrupt)
            out = ["--json", str(tmp_path / "a.json")]
            assert main(["inspect", str(shards / "train-*.rec"), *QUICK, *out]) == 130
    assert not list(tmp_path.iterdir())


def test_one_record_is_printed(shards: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(shards / "train-*.rec"), "--record", "6"]) == 0
    out = capfd.readouterr().out
    assert "record 6, byte" in out
    assert "label header" in out and "object 0" in out and "JPEG RGB" in out
    fails(["inspect", str(shards / "train-*.rec"), "--record", "99"], capfd, "no record has the key 99")


def test_a_record_of_a_damaged_shard(
    write: Write, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    shard = write([record() for _ in range(12)])
    os.truncate(shard, shard.stat().st_size - 100)
    shard.with_suffix(".idx").unlink()
    assert main(["inspect", str(shard), "--record", "3"]) == 0
    assert "object 0" in capfd.readouterr().out and "from whole records alone" in caplog.text
    assert main(["show", str(shard), "--out", str(tmp_path / "a.png")]) == 0
