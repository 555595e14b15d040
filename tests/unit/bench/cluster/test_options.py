from __future__ import annotations

from dataclasses import MISSING, fields

import pytest

from dali_ssd.bench.cluster.options import ClusterConfig, given_in, keys_in_words, read_cluster
from dali_ssd.errors import ConfigError


def test_the_text_of_a_plan_is_read() -> None:
    text = "gpus=8, nodes = 8,rate=1527,engine=kvstore,disk_mb_s=2.5e3"
    expected = ClusterConfig(1527.0, gpus=8, nodes=8, engine="kvstore", disk_mb_s=2500.0)
    assert read_cluster(text) == expected
    assert list(given_in(text)) == ["gpus", "nodes", "rate", "engine", "disk_mb_s"]


def test_only_the_rate_must_be_given() -> None:
    assert read_cluster("rate=1") == ClusterConfig(rate=1.0)
    with pytest.raises(ConfigError, match=r"^--plan gpus=8: rate is missing$"):
        read_cluster("gpus=8")


def test_a_value_may_hold_the_sign_that_ends_a_key() -> None:
    assert given_in("rate=1,network=a=b") == {"rate": "1", "network": "a=b"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rate=1,", "'' is not KEY=VALUE"),
        ("rate", "'rate' is not KEY=VALUE; rate is missing"),
        ("rate=", "'rate=' is not KEY=VALUE"),
        ("=1,rate=1", "'=1' is not KEY=VALUE"),
        ("rate=1,rate=2,rate=3", "rate is there twice"),
        ("rate=1,gpu=8,Rate=2", "there is no gpu, Rate; there are rate, gpus, nodes, "),
        ("rate=fast,gpus=8.0", "rate must be a number, not 'fast'; gpus must be a whole number, not '8.0'"),
        ("rate=1527MB", "rate must be a number, not '1527MB'"),
    ],
)
def test_a_text_that_says_nothing_clear_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_cluster(text)
    assert str(caught.value).startswith(f"--plan {text}: ")
    assert fault in str(caught.value)


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_text_is_no_plan(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--plan is empty, "):
        read_cluster(text)


NUMBERS = [one.name for one in fields(ClusterConfig) if isinstance(one.default, int | float) or one.default is MISSING]
OF_THIS_MACHINE = {"parameters", "images", "cores", "memory_gb"}
"""Of which 0 means what is measured or found here."""


@pytest.mark.parametrize("value", ["-1", "1" + "0" * 30])
@pytest.mark.parametrize("key", NUMBERS)
def test_numbers_that_cannot_be_are_refused(key: str, value: str) -> None:
    others = "" if key == "rate" else ",rate=1"
    with pytest.raises(ConfigError, match=rf"{key} must (be greater|not be negative|be at most)"):
        read_cluster(f"{key}={value}{others}")


@pytest.mark.parametrize("key", NUMBERS)
def test_zero_is_what_is_here_or_refused(key: str) -> None:
    text = f"{key}=0" if key == "rate" else f"{key}=0,rate=1"
    if key in OF_THIS_MACHINE:
        assert getattr(read_cluster(text), key) == 0
    else:
        with pytest.raises(ConfigError, match=f"{key} must be greater than 0"):
            read_cluster(text)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("key", ["rate", "memory_gb", "link_gbit_s"])
def test_what_is_no_finite_number_is_refused(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} must "):
        read_cluster(f"rate=1,{key}={value}" if key != "rate" else f"rate={value}")


def test_choices_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        read_cluster("rate=1,decode=tpu,engine=mpi,gradients=int8,pixels=uint8")
    for fault in (
        "decode must be gpu or cpu, not 'tpu'",
        "engine must be horovod or kvstore, not 'mpi'",
        "gradients must be float32 or float16, not 'int8'",
        "pixels must be float32 or float16, not 'uint8'",
    ):
        assert fault in str(caught.value)


def test_help_has_every_key_with_its_default() -> None:
    words = keys_in_words().split(", ")
    assert words[:4] == ["rate", "gpus=1", "nodes=1", "batch=32"]
    assert [word.partition("=")[0] for word in words] == [one.name for one in fields(ClusterConfig)]
