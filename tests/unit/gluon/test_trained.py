from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mxnet")
pytest.importorskip("gluoncv")

import mxnet as mx

from dali_ssd.errors import CheckpointError
from dali_ssd.gluon.checkpoint.file import write_checkpoint
from dali_ssd.gluon.checkpoint.parameters import save_parameters
from dali_ssd.gluon.checkpoint.state import parameter_arrays
from dali_ssd.gluon.trained import load_network, read_trained
from dali_ssd.gluon.training.run import learned_by
from dali_ssd.loader.recipes import find_recipe
from tests.unit.gluon.conftest import CLASSES, SIDE

RECIPE = find_recipe(data_shape=SIDE)
IDENTITY = {"network": "mobilenet0.25", "data_shape": SIDE, "classes": list(CLASSES)} | learned_by(RECIPE)


def load(path: Path) -> Any:
    return load_network(read_trained(path), "mobilenet0.25", CLASSES, [mx.cpu()], RECIPE)


def test_both_kinds_of_files_give_the_network(
    make_net: Callable[..., Any], weights_of: Callable[[Any], dict[str, Any]], tmp_path: Path
) -> None:
    net = make_net()
    save_parameters(net, tmp_path / "a.params")
    write_checkpoint(tmp_path / "a.ckpt", parameter_arrays(net), {"identity": IDENTITY})
    for name in ("a.params", "a.ckpt"):
        found, expected = weights_of(load(tmp_path / name)), weights_of(net)
        for key, array in expected.items():
            np.testing.assert_array_equal(found[key], array)


def test_what_files_tell(make_net: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "any.ckpt"
    write_checkpoint(path, parameter_arrays(make_net()), {"identity": IDENTITY})
    told = read_trained(path)
    assert (told.network, told.data_shape, told.classes) == ("mobilenet0.25", SIDE, CLASSES)
    path = tmp_path / "first_ssd_512_vgg16_atrous_custom_0010_0.7.params"
    save_parameters(make_net(), path)
    named = read_trained(path)
    assert (named.network, named.data_shape, named.classes) == ("vgg16_atrous", 512, ())
    other = read_trained(path.rename(tmp_path / "mine.params"))
    assert (other.network, other.data_shape, other.classes) == (None, None, ())


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no parameter file"), (b"", "is empty"), (b"text", "is no parameter file of MXNet")],
)
def test_a_file_without_parameters_is_named_first(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "mine.params").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_trained(tmp_path / "mine.params")


def test_a_checkpoint_of_another_recipe_is_refused(make_net: Callable[..., Any], tmp_path: Path) -> None:
    identity = IDENTITY | {"stds": [1.0, 1.0, 1.0, 1.0]}
    write_checkpoint(tmp_path / "a.ckpt", parameter_arrays(make_net()), {"identity": identity})
    with pytest.raises(CheckpointError, match=r"was trained with stds .*give the --recipe of its training run"):
        load(tmp_path / "a.ckpt")
