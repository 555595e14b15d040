"""Shards that change while a loader reads them: the run ends with the shard's name, not with a bus error or DALI's."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from dali_ssd import TrainLoader, ValLoader
from dali_ssd.errors import DatasetError, RecordError
from tests.support.loaders import FRAMEWORK
from tests.support.pipes import ANCHORS
from tests.support.shards import write_random

Make = Callable[[Any], Any]


def train(shards: Any) -> TrainLoader:
    return TrainLoader(
        shards, anchors=ANCHORS, batch_size=4, data_shape=64, num_threads=2, initial_fill=4, framework=FRAMEWORK
    )


def val(shards: Any) -> ValLoader:
    return ValLoader(shards, batch_size=4, data_shape=64, num_threads=2, framework=FRAMEWORK)


def truncate(shard: Path) -> None:
    os.truncate(shard, 5000)


def empty(shard: Path) -> None:
    os.truncate(shard, 0)


def overwrite(shard: Path) -> None:
    with open(shard, "r+b") as file:
        file.write(bytes(shard.stat().st_size))


def delete(shard: Path) -> None:
    shard.unlink()


def replace(shard: Path) -> None:
    other = shard.with_name("other")
    other.write_bytes(shard.read_bytes()[:5000])
    os.replace(other, shard)


def change_while_reading(loader: Any, shard: Path, change: Callable[[Path], None]) -> None:
    """Read the first batch, change the shard, and read on for three epochs in all."""
    epoch = iter(loader)
    next(epoch)
    change(shard)
    for _ in chain(epoch, loader, loader):
        pass


@pytest.mark.parametrize("make", [train, val])
@pytest.mark.parametrize("change", [truncate, empty, overwrite])
def test_a_shard_that_is_open_is_changed_in_place(tmp_path: Path, make: Make, change: Callable[[Path], None]) -> None:
    (shard,) = write_random(tmp_path, 100)
    with pytest.raises(RecordError, match=r"s\.rec, record 0, byte 0: the record .* has gone bad: .*dali-ssd check"):
        change_while_reading(make(shard), shard, change)


@pytest.mark.parametrize("make", [train, val])
@pytest.mark.parametrize("change", [truncate, delete, replace])
def test_a_shard_that_comes_later_is_changed(tmp_path: Path, make: Make, change: Callable[[Path], None]) -> None:
    shards = write_random(tmp_path, 120, num_shards=3)
    with pytest.raises(RecordError, match=r"s-00002-of-00003\.rec, record 2, byte 0: .* has gone bad"):
        change_while_reading(make(shards), shards[2], change)


@pytest.mark.parametrize("make", [train, val])
@pytest.mark.parametrize("change", [delete, replace])
def test_a_shard_that_is_open_stays_whole_when_its_name_goes(
    tmp_path: Path, make: Make, change: Callable[[Path], None]
) -> None:
    (shard,) = write_random(tmp_path, 60)
    change_while_reading(make(shard), shard, change)


@pytest.mark.parametrize(("change", "why"), [(empty, "from .* bytes to 0"), (delete, "No such file")])
def test_a_shard_is_changed_between_two_validations(tmp_path: Path, change: Callable[[Path], None], why: str) -> None:
    """The first was broken off, so the second opens the shard anew; DALI would crash on one that is empty."""
    (shard,) = write_random(tmp_path, 20)
    loader = val(shard)
    next(iter(loader))
    change(shard)
    with pytest.raises(DatasetError, match=rf"s\.rec.*{why}"):
        next(iter(loader))


@pytest.mark.parametrize(("change", "why"), [(truncate, "to 5,000"), (delete, "No such file")])
def test_a_shard_is_changed_before_a_training_goes_on(tmp_path: Path, change: Callable[[Path], None], why: str) -> None:
    (shard,) = write_random(tmp_path, 20)
    loader = train(shard)
    state = loader.state_dict()
    change(shard)
    with pytest.raises(DatasetError, match=rf"s\.rec.*{why}"):
        loader.load_state_dict(state)
