from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import tyro

from dali_ssd.cli.main import main
from dali_ssd.cli.show import _with_numbers
from dali_ssd.config import InputConfig
from dali_ssd.errors import ConfigError
from dali_ssd.visualize.options import ShowConfig
from tests.support.shards import write_random


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": 0, "seed": -1}, "images .* not 0; seed must not be negative, not -1"),
        ({"images": 1001}, "images must be at most 1000, not 1001"),
        ({"input": InputConfig(data_shape=128)}, "recipe and data_shape are for augmented images"),
        ({"input": InputConfig("ssd512")}, "give --augmented as well"),
        ({"augmented": -1}, "augmented must be auto or within 0..1000, not -1"),
        ({"augmented": 1001}, "augmented must be auto or within 0..1000, not 1001"),
        ({"augmented": True}, "augmented must be auto or within 0..1000, not True"),
        ({"targets": True, "augmented": 0}, "targets are drawn on augmented images; give --augmented another number"),
        ({"network": "mobilenet0.25"}, "network is for anchors; give --targets as well"),
        ({"network": "mobilenet0.25", "augmented": 2}, "network is for anchors"),
        ({"record": 9, "images": 3}, "images is for many records, or views of one; give --augmented as well"),
        ({"augmented": 8, "images": 3}, "images goes without a number for augmented, which draws 8"),
        ({"augmented": 0, "input": InputConfig("ssd512")}, "give --augmented as well"),
        ({"record": 1.5}, "record must be a whole number, not 1.5"),
    ],
)
def test_faults_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^ShowConfig: .*{message}"):
        ShowConfig(("a.rec",), **options)


def test_the_most_images_are_taken() -> None:
    assert ShowConfig(("a.rec",), images=1000).images == 1000


@pytest.mark.parametrize(
    ("words", "augmented"),
    [
        ([], None),
        (["--augmented"], "auto"),
        (["--augmented", "--images", "3"], "auto"),
        (["--augmented", "5"], 5),
        (["--augmented=5"], 5),
        (["--augmented", "auto"], "auto"),
    ],
)
def test_the_number_of_views_may_be_left_out(words: list[str], augmented: object) -> None:
    for line in (["a.rec", *words], [*words, "a.rec"]):
        config = tyro.cli(ShowConfig, args=[*_with_numbers(line)])
        assert (config.shards, config.augmented) == (("a.rec",), augmented)


@pytest.mark.parametrize(
    ("options", "views"),
    [
        ({}, 0),
        ({"augmented": 5}, 5),
        ({"augmented": "auto", "images": 7}, 7),
        ({"targets": True}, 16),
        ({"augmented": 0, "images": 3}, 0),
        ({"targets": True, "images": 3}, 3),
        ({"record": 1, "augmented": "auto"}, 16),
    ],
)
def test_how_many_views_are_drawn(options: dict[str, Any], views: int) -> None:
    assert ShowConfig(("a.rec",), **options).views == views


def test_a_folder_that_is_not_there_is_named_before_anything_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "no/such.rec", "--out", "no/such/folder/a.png"]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_stored_pictures_need_no_dali(tmp_path: Path) -> None:
    (shard,) = write_random(tmp_path, 2)
    code = "import sys; sys.modules['nvidia'] = None; from dali_ssd.cli.main import main; sys.exit(main(sys.argv[1:]))"
    show = [sys.executable, "-c", code, "show", str(shard), "--out", str(tmp_path / "a.png")]
    done = subprocess.run(show, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    train = [sys.executable, "-c", code, "train", "--train", str(shard)]
    for command in ([*show, "--augmented"], *([train] if find_spec("mxnet") else [])):  # it asks for MXNet first
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2 and "NVIDIA DALI is not installed; run: pip install" in done.stderr, done.stderr
