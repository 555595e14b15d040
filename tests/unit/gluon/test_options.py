from __future__ import annotations

from typing import Any

import pytest
import tyro

from dali_ssd.config import InputConfig, NvjpegConfig, PipelineConfig, RecordsConfig
from dali_ssd.errors import ConfigError
from dali_ssd.gluon.detecting.options import DetectConfig
from dali_ssd.gluon.options import DemoConfig, EvalConfig, TrainConfig, network_recipe, rendering_recipe


def test_gluoncvs_command_line_is_understood() -> None:
    config = tyro.cli(
        TrainConfig,
        args=[
            *("--network", "mobilenet1.0", "--data-shape", "512", "--batch-size", "16", "-j", "8", "--gpus", "0,1"),
            *("--epochs", "9", "--resume", "x.params", "--start-epoch", "3", "--lr", "0.01", "--lr-decay", "0.5"),
            *("--lr-decay-epoch", "4,6", "--momentum", "0.8", "--wd", "0.1", "--log-interval", "5"),
            *("--save-prefix", "out/", "--save-interval", "2", "--val-interval", "4", "--seed", "1"),
            *("--recipe", "ssd512", "--on-bad", "skip", "--max-bad", "0.5", "--coordinates", "pixel"),
            *("--plugin", "off", "--hw-decoder-load", "0.5", "--preallocate-width", "9", "--preallocate-height", "8"),
            *("--amp", "--horovod", "--train", "a.rec", "b.rec", "--val", "c.rec", "--classes", "x,y"),
        ],
    )
    assert config == TrainConfig(
        ("a.rec", "b.rec"), ("c.rec",), "x,y", "mobilenet1.0", InputConfig("ssd512", 512),
        RecordsConfig("skip", 0.5, "pixel"), global_batch_size=16, num_workers=8, gpus="0,1", epochs=9,
        resume="x.params", start_epoch=3, lr=0.01, lr_decay=0.5, lr_decay_epoch="4,6", momentum=0.8, wd=0.1,
        log_interval=5, save_prefix="out/", save_interval=2, val_interval=4, seed=1, amp=True, horovod=True,
        plugin="off", nvjpeg=NvjpegConfig(0.5, 9, 8),
    )  # fmt: skip


def test_defaults_are_gluoncvs() -> None:
    config = TrainConfig()
    assert (config.network, config.global_batch_size, config.epochs) == ("vgg16_atrous", 32, 240)
    assert network_recipe(config).image.data_shape == 300
    assert (config.lr, config.lr_decay, config.lr_decay_epoch) == (0.001, 0.1, "160,200")
    assert (config.momentum, config.wd, config.seed) == (0.9, 0.0005, 233)
    assert (config.log_interval, config.save_interval, config.val_interval) == (100, 10, 1)


@pytest.mark.parametrize(
    ("make", "given"),
    [(TrainConfig, {}), (EvalConfig, {"params": "", "val": ()}), (DetectConfig, {"inputs": (), "params": ""})],
)
def test_how_a_gpu_works_is_by_default_as_in_loaders(make: Any, given: dict[str, Any]) -> None:
    config = make(**given)
    assert (config.plugin, config.nvjpeg) == (PipelineConfig().plugin, NvjpegConfig())
    with pytest.raises(ConfigError, match=r"plugin must be auto, require or off, not 'no'"):
        make(**given, plugin="no")


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (TrainConfig, {"epochs": 0, "lr": -1.0, "wd": -1.0}, "epochs .* not 0; lr .* not -1.0; wd .* not -1.0"),
        (EvalConfig, {"params": "x", "val": (), "batch_size": 0}, "batch_size must be greater than 0, not 0"),
        (
            EvalConfig,
            {"params": "x", "val": (), "min_score": 2.0},
            r"min_score must be a probability within 0\.\.1, not 2\.0",
        ),
        (DemoConfig, {"epochs": 0, "num_workers": -2}, "epochs .* not 0; num_workers must not be negative, not -2"),
    ],
)
def test_all_faults_are_told_at_once(make: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{make.__name__}: {message}$"):
        make(**options)


@pytest.mark.parametrize(
    "options", [{"data_shape": 512}, {"recipe": "ssd512"}, {"recipe": "ssd512", "data_shape": 512}]
)
def test_size_and_recipe_follow_from_each_other(options: dict[str, Any]) -> None:
    recipe = network_recipe(TrainConfig(input=InputConfig(**options)))
    assert (recipe.name, recipe.image.data_shape) == ("ssd512", 512)


def test_a_recipe_that_no_network_takes_is_refused() -> None:
    with pytest.raises(ConfigError, match="renders NHWC float16, and the networks take NCHW float32"):
        network_recipe(TrainConfig(input=InputConfig("tests.support.recipe:OWN")))


def test_a_recipe_without_targets_for_anchors_is_for_scoring_alone() -> None:
    recipe = InputConfig("tests.support.recipe:BOXES")
    with pytest.raises(ConfigError, match="BOXES gives boxes, and the networks learn from targets for their anchors"):
        network_recipe(TrainConfig(input=recipe))
    assert rendering_recipe(recipe).targets.targets == "boxes"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horovod": True, "kvstore": "dist_sync"}, "horovod and kvstore dist_sync are two engines"),
        ({"syncbn": True, "horovod": True}, "syncbn works over the devices of one process"),
        ({"syncbn": True, "kvstore": "dist_sync"}, "syncbn works over the devices of one process"),
        ({"syncbn": True, "amp": True}, "syncbn cannot be used with amp"),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**options)


def test_the_rate_grows_with_the_batch() -> None:
    assert TrainConfig(lr=0.001, global_batch_size=256, lr_batch_size=32).scaled_lr == 0.008
    assert TrainConfig(lr=0.001, global_batch_size=256).scaled_lr == 0.001
