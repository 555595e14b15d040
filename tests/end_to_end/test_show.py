"""Pictures from the command line, and the commands that work if DALI is the only extra installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_ssd.cli.main import main
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter
from dali_ssd.synthetic import SHAPES, write_shapes
from dali_ssd.visualize.names import class_color
from tests.end_to_end.training import fails

ALONE = """
import sys
for name in ("mxnet", "gluoncv", "matplotlib", "pycocotools"):
    sys.modules[name] = None
from dali_ssd.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, "train", 32, seed=0, num_shards=2)
    write_shapes(folder, "val", 10, seed=0)
    return folder


BOXES = ["--augmented", "--recipe", "tests.support.recipe:BOXES"]


@pytest.mark.parametrize("augmented", [[], ["--augmented"], BOXES], ids=["stored", "augmented", "boxes"])
def test_show_draws_records(
    shards: Path, tmp_path: Path, augmented: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.png"
    options = ["--out", str(out), "--images", "6", "--columns", "3", *augmented]
    assert main(["show", str(shards / "train-*.rec"), *options]) == 0
    assert capfd.readouterr().out == f"{out}\n"
    with Image.open(out) as picture:
        assert picture.width == 3 * 310 + 10
        pixels = np.asarray(picture)
    assert any((pixels == class_color(number)).all(axis=2).any() for number in range(len(SHAPES)))


def test_show_draws_a_record_its_views_and_their_anchors(shards: Path, tmp_path: Path) -> None:
    out, plain = tmp_path / "x.png", tmp_path / "y.png"
    one = ["show", str(shards / "val.rec"), "--record", "3", "--augmented", "4", "--columns", "3"]
    one += ["--data-shape", "128"]
    assert main([*one, "--targets", "--network", "mobilenet0.25", "--out", str(out)]) == 0
    assert main([*one, "--out", str(plain)]) == 0
    with Image.open(out) as picture, Image.open(plain) as without:
        assert picture.size == without.size == (3 * 430 + 10, picture.height)
        assert (np.asarray(picture) != np.asarray(without)).any()


def test_show_needs_no_class_names(shards: Path, tmp_path: Path) -> None:
    (tmp_path / "a.rec").write_bytes((shards / "val.rec").read_bytes())
    assert main(["show", str(tmp_path / "a.rec"), "--out", str(tmp_path / "x.png"), "--images", "2"]) == 0


@pytest.mark.parametrize("augmented", [[], ["--augmented"]], ids=["stored", "augmented"])
def test_show_says_what_is_wrong(tmp_path: Path, capfd: pytest.CaptureFixture[str], augmented: list[str]) -> None:
    out = ["--out", str(tmp_path / "x.png"), *augmented]
    (tmp_path / "empty.rec").touch()
    (tmp_path / "garbage.rec").write_bytes(b"garbage!" * 100)
    fails(["show", str(tmp_path / "none.rec"), *out], capfd, "none.rec")
    fails(["show", str(tmp_path / "empty.rec"), *out], capfd, "empty.rec")
    fails(["show", str(tmp_path / "garbage.rec"), *out], capfd, "garbage.rec")
    assert not (tmp_path / "x.png").exists()


def test_show_names_the_image_that_cannot_be_decoded(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with ShardWriter(tmp_path, "bad") as writer:
        writer.write(pack(Header(build_label([[0.1, 0.1, 0.5, 0.5]], [0]), 0, 0), b"no jpeg"), key=41)
    fails(["show", str(tmp_path / "bad.rec"), "--out", str(tmp_path / "x.png")], capfd, "record 41")


def alone(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run `dali-ssd` as if no extra was installed."""
    return subprocess.run(
        [sys.executable, "-c", ALONE, *argv], capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.parametrize(
    "argv",
    [
        "show",
        "show --augmented",
        "show --targets",
        "check",
        "inspect",
        "index",
        "bench --contenders decode --rounds 1 --seconds 0.1",
    ],
)
def test_works_without_extras(shards: Path, tmp_path: Path, argv: str) -> None:
    command, *options = argv.split()
    out = ["--out", str(tmp_path / "x.png")] if command == "show" else []
    done = alone(command, str(shards / "val.rec"), *options, *out)
    assert done.returncode == 0, done.stderr
    assert not out or (tmp_path / "x.png").is_file()


@pytest.mark.parametrize(
    "argv",
    ["train --train {shard}", "eval --params {params} --val {shard}", "detect {shard} --params {params}", "demo"],
)
def test_says_in_one_line_what_to_install(shards: Path, tmp_path: Path, argv: str) -> None:
    params = tmp_path / "ssd_128_mobilenet0.25_custom_best.params"
    params.write_bytes((0x112).to_bytes(8, "little") * 8)  # how such a file begins; only MXNet reads on
    done = alone(*argv.format(params=params, shard=shards / "val.rec").split())
    assert done.returncode == 2
    assert done.stderr.startswith("dali-ssd: error: MXNet is not installed; run: pip install 'dali-ssd[mxnet]'")
    assert done.stderr.count("\n") == 1
