from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.cli.main import main
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
    ],
)
def test_faults_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^ShowConfig: .*{message}"):
        ShowConfig(("a.rec",), **options)


def test_the_most_images_are_taken() -> None:
    assert ShowConfig(("a.rec",), images=1000).images == 1000


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
