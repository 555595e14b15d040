from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.errors import CheckpointError, DaliSsdError
from dali_ssd.gluon.checkpoint.parameters import best_path, load_parameters, periodic_path, save_best, save_parameters
from dali_ssd.gluon.networks.zoo import build_network, initialize


def test_names_are_gluoncvs() -> None:
    assert str(best_path("out/ssd")) == "out/ssd_best.params"
    assert str(periodic_path("out/ssd", 7, 0.12345)) == "out/ssd_0007_0.1235.params"


def test_round_trip(tmp_path: Path, make_net: Any, weights_of: Callable[[Any], dict[str, Any]]) -> None:
    net, other = make_net(seed=1), make_net(seed=2)
    path = save_best(net, str(tmp_path / "ssd"), 3, 0.5)
    load_parameters(other, path, [mx.cpu()])
    one, two = weights_of(net), weights_of(other)
    assert all((one[name] == two[name]).all() for name in one)
    assert (tmp_path / "ssd_best_map.log").read_text() == "0003:\t0.5000\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ssd_best.params", "ssd_best_map.log"]


def test_gluoncv_reads_the_file(tmp_path: Path, make_net: Any) -> None:
    save_parameters(make_net(), tmp_path / "x.params")
    names = mx.nd.load(str(tmp_path / "x.params"))
    assert "features.0.weight" in names or any(name.startswith("features") for name in names)


def test_a_folder_that_is_not_there(tmp_path: Path, make_net: Any) -> None:
    with pytest.raises(DaliSsdError, match="cannot write"):
        save_parameters(make_net(), tmp_path / "no" / "x.params")


BEGIN = b"\x12\x01\x00\x00\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"nonsense", "of another kind"),
        (b"PK\x03\x04" * 9, "of another kind"),
        (BEGIN[:3], "cut short or damaged, its 3 bytes"),
        (BEGIN * 4, "cut short or damaged, its 32 bytes"),
    ],
)
def test_what_is_no_parameter_file(tmp_path: Path, make_net: Any, content: bytes, problem: str) -> None:
    (tmp_path / "x.params").write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"x\.params is .*{problem.removeprefix('is ')}") as caught:
        load_parameters(make_net(), tmp_path / "x.params", [mx.cpu()])
    assert ".cc" not in str(caught.value)


@pytest.mark.parametrize("part", [0.001, 0.5, 0.999])
def test_a_file_cut_short(tmp_path: Path, make_net: Any, part: float) -> None:
    save_parameters(make_net(), tmp_path / "x.params")
    whole = (tmp_path / "x.params").read_bytes()
    (tmp_path / "x.params").write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(CheckpointError, match=r"x\.params is cut short or damaged.* copy it again"):
        load_parameters(make_net(), tmp_path / "x.params", [mx.cpu()])


def test_missing(tmp_path: Path, make_net: Any) -> None:
    with pytest.raises(CheckpointError, match="there is no parameter file"):
        load_parameters(make_net(), tmp_path / "x.params", [mx.cpu()])


def test_parameters_of_other_classes(tmp_path: Path, make_net: Any) -> None:
    save_parameters(make_net(), tmp_path / "x.params")
    net = build_network("mobilenet0.25", 128, ["a", "b", "c"])
    initialize(net, [mx.cpu()], 128)
    with pytest.raises(CheckpointError, match=r"x\.params belongs to another network: .*--classes") as caught:
        load_parameters(net, tmp_path / "x.params", [mx.cpu()])
    message = str(caught.value)
    assert "of another kind, such as class_predictors.0.predictor.bias: stored (12,), here (16,); are" in message
    assert "allow_missing" not in message  # MXNet's advice is for those who call it


def test_arrays_without_names(tmp_path: Path, make_net: Any) -> None:
    mx.nd.save(str(tmp_path / "x.params"), [mx.nd.zeros(1)])
    with pytest.raises(CheckpointError, match=r"belongs to another network: .*: stored missing, here"):
        load_parameters(make_net(), tmp_path / "x.params", [mx.cpu()])
