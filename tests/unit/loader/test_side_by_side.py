"""Devices that work side by side: all have work before the first is waited for, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.errors import ConfigError, DaliSsdError
from dali_ssd.loader.base import Loader
from tests.support.loaders import TWO, same, train, val
from tests.support.shards import write_random

COUNT = 26
OPTIONS: dict[str, Any] = {"ctx": TWO, "batch_size": 2}
"""Two pipelines on each of two devices, several batches a run."""


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_random(tmp_path_factory.mktemp("shards"), COUNT, num_shards=2)


def one_after_the_other(loader: Loader, pipelines: Sequence[Any]) -> list[Any]:
    loader._require_running()
    return [pipeline.run() for pipeline in pipelines]


@pytest.mark.parametrize("prefetch", [1, 2, 3])
def test_batches_and_states_are_those_of_one_after_the_other(
    shards: Any, prefetch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with train(shards, **OPTIONS, prefetch=prefetch) as ours, train(shards, **OPTIONS, prefetch=prefetch) as theirs:
        monkeypatch.setattr(theirs, "_run", lambda pipelines: one_after_the_other(theirs, pipelines))
        for _ in range(3):
            for one, other in zip(ours, theirs, strict=True):
                assert same(one, other) and one.records() == other.records()
                assert ours.state_dict() == theirs.state_dict()


def test_the_validation_too(shards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with val(shards, **OPTIONS) as ours, val(shards, **OPTIONS) as theirs:
        monkeypatch.setattr(theirs, "_run", lambda pipelines: one_after_the_other(theirs, pipelines))
        for _ in range(2):
            for one, other in zip(ours, theirs, strict=True):
                assert same(one, other) and one.records() == other.records()


def test_a_state_continues_on_a_loader_of_the_other_kind(shards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with train(shards, **OPTIONS) as ours, train(shards, **OPTIONS) as theirs:
        monkeypatch.setattr(theirs, "_run", lambda pipelines: one_after_the_other(theirs, pipelines))
        epoch = iter(theirs)
        for _ in range(3):
            next(epoch)
        ours.load_state_dict(theirs.state_dict())
        for one, other in zip(ours, epoch, strict=True):
            assert same(one, other)


class Spy:
    """Notes what is asked of a pipeline."""

    def __init__(self, name: str, asked: list[str], failing: bool = False) -> None:
        self.name, self.asked, self.failing = name, asked, failing

    def schedule_run(self) -> None:
        self.asked.append(f"start {self.name}")

    def outputs(self) -> str:
        self.asked.append(f"wait for {self.name}")
        if self.failing:
            raise RuntimeError("Critical error in pipeline: out of memory")
        return self.name


def test_all_have_work_before_the_first_is_waited_for(shards: Any) -> None:
    asked: list[str] = []
    with val(shards, **OPTIONS) as loader:
        assert loader._run([Spy("a", asked), Spy("b", asked)]) == ["a", "b"]
    assert asked == ["start a", "start b", "wait for a", "wait for b"]


@pytest.mark.parametrize("failing", [(True, False), (False, True)])
def test_an_error_of_one_closes_all(shards: Any, failing: tuple[bool, bool]) -> None:
    with val(shards, **OPTIONS) as loader:
        with pytest.raises(DaliSsdError, match="out of memory"):
            loader._run([Spy(str(number), [], fails) for number, fails in enumerate(failing)])
        with pytest.raises(ConfigError, match="the loader is closed"):
            next(iter(loader))


@pytest.mark.parametrize("make", [train, val])
@pytest.mark.parametrize("number", [0, COUNT - 1], ids=["first", "last"])
def test_a_record_that_goes_bad_on_either_device_is_named(tmp_path: Path, make: Any, number: int) -> None:
    (shard,) = write_random(tmp_path, COUNT)
    with make(shard, **OPTIONS) as loader:
        at = loader._dataset.offsets[number]
        with shard.open("r+b") as file:
            file.seek(int(at) + 100)
            file.write(bytes(40))
        with pytest.raises(DaliSsdError, match=rf"record {number}\b"):
            for _ in range(2):
                for _ in loader:
                    pass
        with pytest.raises(ConfigError, match="the loader is closed"):
            next(iter(loader))
