"""Which network is meant, of options, files and class names beside shards."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dali_ssd.config import InputConfig
from dali_ssd.errors import ConfigError
from dali_ssd.gluon.checkpoint.file import write_checkpoint
from dali_ssd.gluon.options import EvalConfig
from dali_ssd.gluon.trained.choice import choose, choose_to_score

MAGIC = (0x112).to_bytes(8, "little")


@pytest.fixture
def params(tmp_path: Path) -> EvalConfig:
    """The options for a parameter file with a name that tells, and a shard with class names."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.rec").touch()
    (tmp_path / "data" / "classes.txt").write_text("cat\ndog\n")
    file = tmp_path / "ssd_300_mobilenet0.25_custom_best.params"
    file.write_bytes(MAGIC)
    return EvalConfig(str(file), (str(tmp_path / "data" / "a.rec"),))


@pytest.fixture
def checkpoint(params: EvalConfig, tmp_path: Path) -> EvalConfig:
    """The same for a checkpoint."""
    identity = {"network": "resnet18", "data_shape": 256, "classes": ["cat", "dog"]}
    write_checkpoint(tmp_path / "a.ckpt", {}, {"identity": identity})
    return replace(params, params=str(tmp_path / "a.ckpt"))


def test_files_tell_network_and_size(params: EvalConfig, checkpoint: EvalConfig) -> None:
    by_name, by_content = choose_to_score(params), choose_to_score(checkpoint)
    assert (by_name.network, by_name.input.data_shape, by_name.classes) == ("mobilenet0.25", 300, ("cat", "dog"))
    assert (by_content.network, by_content.input.data_shape, by_content.classes) == ("resnet18", 256, ("cat", "dog"))


def test_options_win(params: EvalConfig, checkpoint: EvalConfig) -> None:
    given = InputConfig(data_shape=512)
    for config in (params, checkpoint):
        choice = choose_to_score(replace(config, network="vgg16_atrous", input=given, classes="x,y,z"))
        assert (choice.network, choice.input, choice.classes) == ("vgg16_atrous", given, ("x", "y", "z"))
    assert choose_to_score(replace(params, input=InputConfig("own"))).input == InputConfig("own")


def test_class_names_of_a_parameter_file(params: EvalConfig, tmp_path: Path) -> None:
    """Those beside the shards, or else beside the file."""
    (tmp_path / "classes.txt").write_text("bird\n")
    assert choose_to_score(params).classes == ("cat", "dog")
    assert choose(params, ()).classes == ("bird",)
    (tmp_path / "data" / "classes.txt").unlink()
    assert choose_to_score(params).classes == ("bird",)
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(ConfigError, match=rf"there is no {tmp_path / 'classes.txt'}: write them into it, one a line"):
        choose_to_score(params)


def test_shards_with_other_classes(checkpoint: EvalConfig, tmp_path: Path) -> None:
    """Their ids would mean other classes, so they are not scored; who finds objects in them reads no labels."""
    (tmp_path / "data" / "classes.txt").write_text("dog\ncat\n")
    with pytest.raises(ConfigError, match=r"beside the shards are dog, cat, those in .*a\.ckpt cat, dog; convert"):
        choose_to_score(checkpoint)
    assert choose_to_score(replace(checkpoint, classes="cat,dog")).classes == ("cat", "dog")
    assert choose(checkpoint, [tmp_path / "data" / "a.rec"]).classes == ("cat", "dog")
    (tmp_path / "data" / "classes.txt").unlink()
    assert choose_to_score(checkpoint).classes == ("cat", "dog")


@pytest.mark.parametrize("command", ["eval --val {data}", "detect {data}"])
def test_missing_class_names_are_told_before_mxnet_is_loaded(params: EvalConfig, tmp_path: Path, command: str) -> None:
    (tmp_path / "data" / "classes.txt").unlink()
    argv = [*command.format(data=params.val[0]).split(), "--params", params.params]
    program = f"import sys; from dali_ssd.cli.main import main; print(main({argv!r}), 'mxnet' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "2 False\n" and "write them into it, one a line" in done.stderr
