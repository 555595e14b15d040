from __future__ import annotations

from typing import Any

import pytest

from dali_ssd.bench.contenders import CONTENDERS
from dali_ssd.bench.measuring.measure import Window
from dali_ssd.bench.options import BenchConfig
from dali_ssd.errors import ConfigError
from dali_ssd.util.parallel import available_cores


def test_defaults_measure_everything_on_all_cores() -> None:
    config = BenchConfig()
    assert config.contender_names == list(CONTENDERS)
    assert config.thread_counts() == [available_cores()]
    assert config.sizes == [32]


def test_the_window_is_what_was_asked_for() -> None:
    config = BenchConfig(warmup=3, warmup_seconds=0.5, seconds=2.0, min_batches=7)
    assert config.window == Window(warmup=3, warmup_seconds=0.5, seconds=2.0, min_batches=7)
    assert BenchConfig().window == Window()


def test_training_takes_those_that_make_targets() -> None:
    assert BenchConfig(train=True).contender_names == ["dali_ssd", "gluoncv", "synthetic"]


def test_lists_are_separated_by_commas() -> None:
    config = BenchConfig(contenders="stock, decode", threads="1,2,4", batch_sizes="8,")
    assert config.contender_names == ["stock", "decode"]
    assert config.thread_counts(2) == [1, 2, 4]
    assert config.sizes == [8]


def test_a_contender_of_ones_own_is_a_module() -> None:
    assert BenchConfig(contenders="dali_ssd,mine.loader").contender_names == ["dali_ssd", "mine.loader"]


@pytest.mark.parametrize("text", ["0", "-1", "two", "1;2", "1.5", "1 2"])
def test_numbers_must_be_numbers(text: str) -> None:
    with pytest.raises(ConfigError, match="threads must be whole numbers"):
        BenchConfig(threads=text)


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        BenchConfig(contenders="fast", batch_sizes="x", rounds=0, data_shape=301, record="a.json", steps=True)
    for part in ("no contender fast", "batch_sizes", "rounds must be greater than 0, not 0", "300 or 512", "earlier"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        ("mxnet,dali_ssd,decode", "mxnet, decode cannot train a network: no targets$"),
        ("torchvision", "torchvision cannot train a network: its batches are PyTorch's, the network is MXNet's$"),
        ("decode,torchvision", "decode cannot train a network: no targets; torchvision cannot train"),
    ],
)
def test_who_cannot_train_is_refused_with_the_reason(names: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        BenchConfig(train=True, contenders=names)


def test_cores_are_divided_among_devices() -> None:
    assert BenchConfig().thread_counts(2) == [max(1, available_cores() // 2)]
    assert BenchConfig().thread_counts(10_000) == [1]


@pytest.mark.parametrize("gpus", ["all", "0", "3,1", "0, 1"])
def test_gpus_are_all_or_numbers(gpus: str) -> None:
    assert BenchConfig(gpus=gpus).gpus == gpus


@pytest.mark.parametrize("gpus", ["none", "0,", ",", "-1", "1,1", "0 1", "1.5"])
def test_gpus_that_are_no_numbers_are_refused(gpus: str) -> None:
    with pytest.raises(ConfigError, match="gpus must be all, or different numbers"):
        BenchConfig(gpus=gpus)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"gpus": "all", "device": "cpu"}, "leave out --device cpu and --cpus"),
        ({"gpus": "all", "cpus": 2}, "leave out --device cpu and --cpus"),
        ({"cpus": 2, "device": "gpu"}, "leave out --device gpu"),
        ({"cpus": 0}, "cpus must be greater than 0"),
        ({"gpus": "0", "steps": True}, "steps are measured on one device"),
        ({"cpus": 2, "steps": True}, "steps are measured on one device"),
    ],
)
def test_devices_that_do_not_go_together_are_refused(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        BenchConfig(**options)


@pytest.mark.parametrize(
    ("option", "text"), [("batch_sizes", ""), ("batch_sizes", ","), ("threads", ","), ("contenders", " , ")]
)
def test_a_list_without_an_item_is_refused(option: str, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"{option} must be .* separated by commas, not '{text}'"):
        BenchConfig(**{option: text})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"cpus": 2}, "--cpus"),
        ({"shards": ("a.rec",), "batch_sizes": "8"}, "shards, --batch-sizes"),
        ({"steps": True}, "--steps"),
    ],
)
def test_what_an_earlier_record_cannot_heed_is_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=f"an earlier result, so leave out {named}$"):
        BenchConfig(record="a.json", plot="a.png", json="b.json", **options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"steps": True}, "--steps"),
        ({"device": "cpu", "batch_sizes": "8"}, "--batch-sizes, --device"),
        ({"train": True, "network": "vgg16_atrous"}, "--train, --network"),
    ],
)
def test_what_a_plan_cannot_heed_is_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=f"plan computes what a cluster needs, so leave out {named}$"):
        BenchConfig(plan="rate=1", json="b.json", rounds=1, warmup=3, shards=("a.rec",), data_shape=512, **options)


def test_a_plan_is_read_with_the_options() -> None:
    with pytest.raises(ConfigError, match="rate is missing"):
        BenchConfig(plan="gpus=8")
    with pytest.raises(ConfigError, match="--plan is empty"):
        BenchConfig(plan="")
    assert BenchConfig(plan="gpus=8,rate=1").plan == "gpus=8,rate=1"


def test_training_may_have_any_shape_a_network_has() -> None:
    assert BenchConfig(train=True, data_shape=128).data_shape == 128
