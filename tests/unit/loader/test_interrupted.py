"""Exceptions in the middle of a batch, as of Ctrl-C or a notebook's stop: nothing is lost, nothing comes twice."""

from __future__ import annotations

import gc
import signal
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd import TrainLoader, ValLoader
from dali_ssd.errors import ConfigError
from dali_ssd.loader.base import Loader
from tests.support.interrupts import interrupted
from tests.support.loaders import COUNT, ONE, TWO, keys, same, train, val
from tests.support.shards import write_random

CASES: dict[str, dict[str, Any]] = {
    "a batch a run": {"batch_size": 8},
    "two batches a run": {"batch_size": 4},
    "a batch a run, two devices": {"batch_size": 8, "ctx": TWO},
    "two pipelines a device": {"batch_size": 2, "ctx": TWO},
}
RECORDS = {"two pipelines a device": 26}


def stream(loader: TrainLoader) -> Callable[[], Any]:
    """The next batch, of this epoch or of the next."""
    batches = (batch for _ in count() for batch in loader)
    return lambda: next(batches)


@pytest.mark.parametrize("case", CASES)
def test_a_training_goes_on_with_the_batch_that_was_cut_short_at_any_line(tmp_path: Path, case: str) -> None:
    """Each time at the first batch of a run; every other time from the state, as a run that was stopped goes on."""
    shards = write_random(tmp_path, RECORDS.get(case, COUNT))
    with train(shards, **CASES[case]) as loader, train(shards, **CASES[case]) as other:
        wanted, line = stream(other), 0
        while interrupted(stream(loader), line):
            if line % 2:
                loader.load_state_dict(loader.state_dict())
            follow(loader, wanted)
            line += 1
        assert line > 20


def follow(loader: TrainLoader, wanted: Callable[[], Any]) -> None:
    """Require that the next batches, to the end of the run of each group, are these."""
    found = stream(loader)
    for _ in range(loader._per_run * loader._num_groups):
        one, other = found(), wanted()
        assert same(one, other) and one.records() == other.records()


@pytest.mark.parametrize("taken", [1, 2, 3])
def test_inside_of_a_run(shards: str, taken: int) -> None:
    """Two batches a run: the second was prepared already, the third was not."""
    with train(shards) as loader, train(shards) as other:
        found, wanted = stream(loader), stream(other)
        for _ in range(taken):
            assert same(found(), wanted())
        assert interrupted(found, 3, within="next")
        follow(loader, wanted)


@pytest.mark.parametrize("ctx", [ONE, TWO], ids=["one", "two"])
def test_a_validation_begins_anew_when_it_was_cut_short_at_any_line(shards: str, ctx: list[Any]) -> None:
    with val(shards, ctx=ctx) as loader:
        line = 0
        while interrupted(lambda: next(iter(loader)), line):
            require_each_once(loader)
            line += 1
        assert line > 20


def require_each_once(loader: ValLoader) -> None:
    assert sorted(key for batch in loader for key in keys(batch.records())) == list(range(COUNT))


class Alarm(Exception):
    """What a handler of a signal raises."""


@pytest.fixture
def alarm() -> Iterator[Callable[[Callable[[], object], float], None]]:
    """Do this, with a signal so many seconds later whose handler raises."""

    def ring(*_: object) -> None:
        raise Alarm

    def act(action: Callable[[], object], seconds: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
        with pytest.raises(Alarm):
            action()
        signal.setitimer(signal.ITIMER_REAL, 0)

    before = signal.signal(signal.SIGALRM, ring)
    yield act
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


DELAYS = np.linspace(0.001, 0.03, 6)
AGAIN = 0.5
"""Seconds to a second signal, where Python ignores the first one's exception: in a `__del__`."""
swallowed = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@swallowed
def test_signals_while_a_training_waits(shards: str, alarm: Any) -> None:
    with train(shards) as loader, train(shards) as other:
        wanted = stream(other)
        for delay in DELAYS:
            taken: list[None] = []
            alarm(partial(take_all, loader, taken), delay)
            for _ in taken:
                wanted()
            follow(loader, wanted)


def take_all(loader: TrainLoader, taken: list[None]) -> None:
    while True:
        for _ in loader:  # unlike `next`, a loop lets no signal come between a batch and what it is for
            taken.append(None)


@swallowed
def test_signals_while_a_validation_waits(shards: str, alarm: Any) -> None:
    with val(shards) as loader:
        for delay in DELAYS:
            alarm(lambda: [list(loader) for _ in count()], delay)
            require_each_once(loader)


@pytest.mark.parametrize("make", [train, val])
@pytest.mark.parametrize("started", [False, True])
def test_a_second_interruption_while_the_first_is_made_good(
    shards: str, make: Any, started: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(self: Loader, pipelines: list[Any], part: Any) -> None:
        self._release()
        if started:
            real(self, pipelines, part)
        raise KeyboardInterrupt

    with make(shards) as loader, make(shards) as other:
        assert interrupted(lambda: next(iter(loader)), 4, within="_run")
        real = Loader._start
        with monkeypatch.context() as patch:
            patch.setattr(Loader, "_start", start)
            for _ in range(2):
                with pytest.raises(KeyboardInterrupt):
                    next(iter(loader))
        for one, same_again in zip(loader, other, strict=True):
            assert same(one, same_again)


def test_a_state_whose_loading_was_interrupted_leaves_a_closed_loader(shards: str) -> None:
    """It could go on neither where it was nor where it should be; the state can be loaded again."""
    with train(shards) as loader, train(shards) as other:
        state = loader.state_dict()
        next(iter(loader))
        assert interrupted(lambda: loader.load_state_dict(state), 5, within="_start")
        for action in (loader.state_dict, lambda: next(iter(loader))):
            with pytest.raises(ConfigError, match="closed"):
                action()
        loader.load_state_dict(state)
        assert same(next(iter(loader)), next(iter(other)))


@pytest.mark.parametrize("make", [train, val])
def test_records_are_known_when_the_loader_was_interrupted_and_when_it_is_closed(shards: str, make: Any) -> None:
    with make(shards, batch_size=8) as loader:
        batch = next(iter(loader))
        before = batch.records()
        assert interrupted(lambda: next(iter(loader)), 4, within="_run")
        assert batch.records() == before
        next(iter(loader))
        assert batch.records() == before
    assert len(before) == 8 and batch.records() == before


@pytest.mark.parametrize("make", [train, val])
def test_interrupted_pipelines_are_gone_though_the_exception_is_kept(
    shards: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a notebook keeps the last one: beside new pipelines, the old ones would take a GPU's memory twice."""

    def stop(self: Any) -> None:
        raise KeyboardInterrupt

    with make(shards, ctx=TWO) as loader:
        old = [weakref.ref(pipeline) for pipeline in loader._pipelines]
        with monkeypatch.context() as patch:
            patch.setattr(type(loader._pipelines[0]), "outputs", stop)
            with pytest.raises(KeyboardInterrupt) as kept:
                next(iter(loader))
        next(iter(loader))
        gc.collect()
        assert len(old) >= 2 and [pipeline() for pipeline in old] == [None] * len(old)
        assert kept.tb is not None
