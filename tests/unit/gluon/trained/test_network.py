from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mxnet")
pytest.importorskip("gluoncv")

import mxnet as mx

from dali_ssd.config import InputConfig
from dali_ssd.errors import CheckpointError
from dali_ssd.gluon.checkpoint.file import write_checkpoint
from dali_ssd.gluon.checkpoint.parameters import save_parameters
from dali_ssd.gluon.checkpoint.state import parameter_arrays
from dali_ssd.gluon.trained.choice import Choice
from dali_ssd.gluon.trained.file import read_trained
from dali_ssd.gluon.trained.network import load_network
from dali_ssd.gluon.training.run import learned_by
from dali_ssd.loader.recipes import find_recipe
from tests.unit.gluon.conftest import CLASSES, SIDE

RECIPE = find_recipe(data_shape=SIDE)
IDENTITY = {"network": "mobilenet0.25", "data_shape": SIDE, "classes": list(CLASSES)} | learned_by(RECIPE)


def load(path: Path) -> Any:
    choice = Choice(read_trained(path), "mobilenet0.25", InputConfig(data_shape=SIDE), CLASSES)
    return load_network(choice, [mx.cpu()], RECIPE)


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


def test_a_checkpoint_of_another_recipe_is_refused(make_net: Callable[..., Any], tmp_path: Path) -> None:
    identity = IDENTITY | {"stds": [1.0, 1.0, 1.0, 1.0]}
    write_checkpoint(tmp_path / "a.ckpt", parameter_arrays(make_net()), {"identity": identity})
    with pytest.raises(CheckpointError, match=r"was trained with stds .*give the --recipe of its training run"):
        load(tmp_path / "a.ckpt")
