from __future__ import annotations

import sys
from dataclasses import dataclass, field

import pytest

from dali_ssd.config import InputConfig
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.reporting.views.facts import Option, changed_options, command_line, options_of


@dataclass(frozen=True)
class Inner:
    size: int = 3


@dataclass(frozen=True)
class Options:
    name: str
    flag: bool = True
    shards: tuple[str, ...] = ()
    inner: Inner = field(default_factory=Inner)


def test_options_have_their_defaults_beside_them() -> None:
    assert list(options_of(Options("a", shards=("b", "c"), inner=Inner(4)))) == [
        Option("--name", "a", "", True),
        Option("--flag", "on", "on", False),
        Option("--shards", "b, c", "(empty)", True),
        Option("--size", "4", "3", True),
    ]


def test_names_are_those_of_the_command_line() -> None:
    options = {one.name: one for one in options_of(TrainConfig(train=("a.rec",), global_batch_size=8))}
    assert {"--batch-size", "--data-shape", "--on-bad", "--report", "--tensorboard"} <= set(options)
    assert [name for name, one in options.items() if one.changed] == ["--train", "--batch-size"]


def test_what_is_changed_is_a_line_that_people_can_read() -> None:
    config = TrainConfig(train=("a.rec", "b.rec"), input=InputConfig(data_shape=128), gpus="", amp=True)
    expected = "--train a.rec, b.rec; --data-shape 128; --gpus (empty); --amp on; all others as by default"
    assert changed_options(config) == expected
    assert changed_options(TrainConfig()) == "all as by default"
    many = changed_options(TrainConfig(train=tuple(f"shard-{number:05d}.rec" for number in range(1000))))
    assert len(many) < 250 and many.endswith(" ...; all others as by default")


def test_an_empty_value_can_be_seen() -> None:
    options = {one.name: one for one in options_of(TrainConfig(gpus=""))}
    assert options["--gpus"] == Option("--gpus", "(empty)", "auto", True)
    assert options["--resume"] == Option("--resume", "(empty)", "(empty)", False)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["/usr/bin/dali-ssd", "train", "--gpus", ""], "dali-ssd train --gpus ''"),
        (["/a/dali_ssd/__main__.py", "demo"], "python -m dali_ssd demo"),
    ],
)
def test_command_line(argv: list[str], line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert command_line() == line
