"""What runs where: chosen, said once, handed to the pipelines. The plugin and the GPU are stand-ins: no kernel runs."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dali_ssd import TrainLoader, ValLoader
from dali_ssd.config import NvjpegConfig, PluginUse, TargetConfig
from dali_ssd.errors import PluginError
from dali_ssd.graph.where import Where
from dali_ssd.loader import placement
from dali_ssd.loader.base import Loader
from dali_ssd.loader.frameworks import dlpack
from dali_ssd.loader.placement import Placement, choose_where, placement_of
from dali_ssd.loader.recipes import Recipe, find_recipe
from tests.support.loaders import train
from tests.support.pipes import ANCHORS
from tests.support.shards import write_random

HALF = NvjpegConfig(0.5)
NVJPEG = "nvJPEG (50% on the hardware decoder where there is one)"
EXACT, BOX_ENCODER, BOXES = TargetConfig(), TargetConfig("box_encoder"), TargetConfig("boxes")
WHY = "there is no nvcc: run `dali-ssd build-plugin`"


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plugin can be had; the list grows whenever it is asked for."""
    asked: list[str] = []
    monkeypatch.setattr(placement, "prepare_plugin", lambda: asked.append("plugin"))
    return asked


def refuse(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    def fail() -> None:
        raise PluginError(why)

    monkeypatch.setattr(placement, "prepare_plugin", fail)


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, WHY)


@pytest.fixture(autouse=True)
def _nothing_was_said() -> None:
    placement._warn_of_missing_plugin.cache_clear()
    placement.decodes_whole_images.cache_clear()


@pytest.mark.parametrize("use", ["auto", "require"])
def test_a_gpu_has_the_plugin_if_it_can_be_had(prepared: list[str], use: Any) -> None:
    assert choose_where("gpu", use, HALF) == Where("gpu", plugin=True, nvjpeg=HALF)
    assert prepared == ["plugin"]


def test_the_plugin_is_left_alone_if_it_is_off(prepared: list[str], caplog: pytest.LogCaptureFixture) -> None:
    assert choose_where("gpu", "off", HALF) == Where("gpu", nvjpeg=HALF)
    assert prepared == [] and caplog.messages == []


@pytest.mark.usefixtures("missing")
def test_what_falls_back_says_so_and_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    assert choose_where("gpu", "auto", HALF) == Where("gpu", nvjpeg=HALF)
    (record,) = caplog.records
    assert record.levelname == "WARNING" and WHY in record.message and "DALI's operators render" in record.message


def test_it_is_said_once_for_each_reason(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """And not again by the loader of validation."""
    for why in ("there is no nvcc", "there is no nvcc", "there is no g++"):
        refuse(monkeypatch, why)
        choose_where("gpu", "auto", HALF)
    assert [message.rpartition(": ")[2] for message in caplog.messages] == ["there is no nvcc", "there is no g++"]


@pytest.mark.usefixtures("missing")
def test_what_is_required_is_an_error() -> None:
    with pytest.raises(PluginError, match="there is no nvcc"):
        choose_where("gpu", "require", HALF)


@pytest.mark.parametrize(
    ("version", "whole", "warned"),
    [((13, 3), False, False), (None, False, False), ((13, 0), True, True), ((12, 4), True, False)],
)
@pytest.mark.usefixtures("prepared")
def test_an_nvjpeg_that_gets_no_regions_decodes_whole_images(
    version: Any, whole: bool, warned: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning, once, where another order of imports would help: CUDA 12 has no newer one."""
    monkeypatch.setattr(placement, "nvjpeg_version", lambda: version)
    uses: tuple[PluginUse, ...] = ("auto", "off")
    for use in uses:
        where = choose_where("gpu", use, HALF)
        assert where == Where("gpu", plugin=use == "auto", nvjpeg=HALF, whole=whole)
        assert ("whole images" in placement_of(where).decode) is whole
    assert ["import dali_ssd.torch before torchvision" in message for message in caplog.messages] == [True] * warned


def test_a_cpu_needs_no_plugin_and_says_nothing(prepared: list[str], caplog: pytest.LogCaptureFixture) -> None:
    assert choose_where("cpu", "auto", NvjpegConfig()) == Where()
    assert prepared == [] and caplog.messages == []


@pytest.mark.parametrize("use", ["require", "off"])
def test_options_without_effect_on_a_cpu_are_named(use: Any, caplog: pytest.LogCaptureFixture) -> None:
    choose_where("cpu", use, NvjpegConfig(preallocate_width=640, preallocate_height=480))
    assert caplog.messages == ["on a CPU, preallocate_width, preallocate_height, plugin: without effect"]


@pytest.mark.parametrize(
    ("where", "targets", "words"),
    [
        (Where(), EXACT, Placement("CPU", "CPU", "CPU")),
        (Where(), None, Placement("CPU", "CPU")),
        (Where("cpu", plugin=True), EXACT, Placement("CPU", "plugin on the CPU", "plugin on the CPU")),
        (Where("gpu", nvjpeg=HALF), EXACT, Placement(NVJPEG, "DALI's operators", "CPU, and copied")),
        (Where("gpu", nvjpeg=HALF), BOX_ENCODER, Placement(NVJPEG, "DALI's operators", "DALI's box_encoder")),
        (Where("gpu", True, HALF), EXACT, Placement(NVJPEG, "plugin", "plugin")),
        (Where("gpu", True, HALF), BOX_ENCODER, Placement(NVJPEG, "plugin", "DALI's box_encoder")),
        (Where("gpu", True, HALF), None, Placement(NVJPEG, "plugin")),
        (Where(), BOXES, Placement("CPU", "CPU", "none, boxes of the host")),
        (Where("gpu", True, HALF), BOXES, Placement(NVJPEG, "plugin", "none, boxes of the host")),
    ],
)
def test_words(where: Where, targets: TargetConfig | None, words: Placement) -> None:
    assert placement_of(where, targets) == words


def test_it_fits_on_a_line() -> None:
    assert str(placement_of(Where("gpu", True), EXACT)) == (
        "decode: nvJPEG (100% on the hardware decoder where there is one), render: plugin, targets: plugin"
    )
    assert str(placement_of(Where())) == "decode: CPU, render: CPU"


def test_a_loader_on_a_cpu_has_it_too(shards: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), train(shards) as loader:
        assert loader.placement == Placement("CPU", "CPU", "CPU")
    assert caplog.messages == []


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What pipelines of a machine with two GPUs are made with; none is built."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(dlpack, "_count_gpus", lambda: 2)
    monkeypatch.setattr(Loader, "_start", lambda *_: None)
    return found


def noting(handed: list[dict[str, Any]]) -> Recipe:
    def note(*_: Any, **options: Any) -> Any:
        handed.append(options)
        return SimpleNamespace(output_dtype=lambda: [None] * 4)

    return replace(find_recipe(data_shape=64), train=note, val=note)


@pytest.mark.usefixtures("prepared")
def test_both_loaders_hand_it_to_their_pipelines_and_say_it_once(
    tmp_path: Path, handed: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    shards, where = write_random(tmp_path, 8), Where("gpu", plugin=True, nvjpeg=HALF)
    usual: dict[str, Any] = {"batch_size": 4, "framework": "dlpack", "recipe": noting(handed), "hw_decoder_load": 0.5}
    with caplog.at_level(logging.INFO):
        trained = TrainLoader(shards, anchors=ANCHORS, ctx=["gpu:1", "gpu"], **usual)
        scored = ValLoader(shards, ctx="gpu", **usual)
    assert [(options["where"], options["device_id"]) for options in handed] == [(where, 1), (where, 0), (where, 0)]
    assert [options["set_affinity"] for options in handed] == [True, True, False]  # one GPU may have all cores
    assert trained.placement == Placement(NVJPEG, "plugin", "plugin", "on the cores near their GPU")
    assert scored.placement == Placement(NVJPEG, "plugin")
    assert caplog.messages == [str(trained.placement), str(scored.placement)]


@pytest.mark.usefixtures("missing")
def test_a_required_plugin_is_an_error_before_any_shard_is_opened(handed: list[dict[str, Any]]) -> None:
    with pytest.raises(PluginError, match="there is no nvcc"):
        ValLoader("none.rec", ctx="gpu", framework="dlpack", plugin="require")
    assert handed == []


@pytest.mark.usefixtures("prepared")
def test_a_state_belongs_to_what_made_it(tmp_path: Path, handed: list[dict[str, Any]]) -> None:
    """Pixels differ between the plugin and DALI's operators, so a state of one is none of the other."""
    shards = write_random(tmp_path, 8)
    usual: dict[str, Any] = {"batch_size": 4, "framework": "dlpack", "recipe": noting(handed), "ctx": "gpu"}
    uses: tuple[PluginUse, ...] = ("auto", "off", "require")
    loaders = [TrainLoader(shards, anchors=ANCHORS, plugin=use, **usual) for use in uses]
    auto, off, require = (loader._identify() for loader in loaders)
    assert auto == require and auto["the options"] != off["the options"]
