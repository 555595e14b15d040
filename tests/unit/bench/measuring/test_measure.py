from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from dali_ssd.bench.measuring.measure import Measured, Window, measure
from dali_ssd.bench.work import WorkBatch


@dataclass
class Time:
    now: float = 100.0


@dataclass
class Array:
    """Takes a tenth of a second to be ready, which only waiting for it shows."""

    time: Time
    waits: list[float] = field(default_factory=list)

    def wait_to_read(self) -> None:
        self.time.now += 0.1
        self.waits.append(self.time.now)


def stream(time: Time, seconds: float, array: Array | None = None) -> Iterator[WorkBatch]:
    time.now += 5.0
    while True:
        time.now += seconds
        yield WorkBatch(32, [array] if array else [])


def measured(window: Window, seconds: float, array: Array | None = None, time: Time | None = None) -> Measured:
    time = time or Time()
    return measure(stream(time, seconds, array), window, clock=lambda: time.now, cpu_clock=lambda: 2 * time.now)


def test_the_window_is_as_long_as_asked_and_ends_with_a_batch() -> None:
    result = measured(Window(warmup=3, warmup_seconds=0.1, seconds=2.0, min_batches=1), seconds=0.3)
    assert result.images == 7 * 32
    assert result.seconds == pytest.approx(2.1)
    assert result.cpu_seconds == pytest.approx(4.2)


def test_first_batch_and_warm_up_are_outside_of_the_window() -> None:
    result = measured(Window(warmup=3, warmup_seconds=0.1, seconds=2.0, min_batches=1), seconds=0.5)
    assert result.first_batch == pytest.approx(105.5)
    assert result.began == pytest.approx(106.5)
    assert result.ended == pytest.approx(108.5)


def test_warm_up_takes_the_seconds_asked_for_even_where_its_batches_take_fewer() -> None:
    result = measured(Window(warmup=3, warmup_seconds=2.0, seconds=1.0, min_batches=1), seconds=0.5)
    assert result.began == pytest.approx(result.first_batch + 2.0)
    assert result.images == 2 * 32


def test_slow_contenders_get_their_least_number_of_batches() -> None:
    assert measured(Window(warmup=1, warmup_seconds=0.1, seconds=1.0, min_batches=5), seconds=2.0).images == 5 * 32


def test_a_contender_that_takes_no_time_ends_after_the_most_batches() -> None:
    window = Window(warmup=1, warmup_seconds=0.1, seconds=1.0, min_batches=5, max_batches=50)
    assert measured(window, seconds=0.0).images == 50 * 32


def test_the_most_batches_do_not_shorten_the_warm_up_that_was_asked_for() -> None:
    window = Window(warmup=80, warmup_seconds=0.1, seconds=1.0, min_batches=5, max_batches=50)
    result = measured(window, seconds=0.5)
    assert result.began == pytest.approx(result.first_batch + 79 * 0.5)


def test_the_window_begins_when_all_are_warm_and_batches_go_on_until_all_are_done() -> None:
    time = Time()
    batches = stream(time, seconds=0.5)
    said: list[tuple[str, float]] = []

    def reached(point: str) -> bool:
        said.append((point, time.now))
        return len([one for one, _ in said if one == point]) > 3

    window = Window(warmup=1, warmup_seconds=0.1, seconds=1.0, min_batches=1)
    result = measure(batches, window, reached, clock=lambda: time.now, cpu_clock=lambda: 2 * time.now)
    assert result.began == said[3][1] == result.first_batch + 0.5 + 3 * 0.5
    assert (result.images, result.seconds, result.cpu_seconds) == (2 * 32, 1.0, 2.0)
    assert said[4][1] == result.ended
    assert time.now == result.ended + 3 * 0.5


def test_batches_are_waited_for() -> None:
    time = Time()
    array = Array(time)
    result = measured(Window(warmup=2, warmup_seconds=0.05, seconds=0.1, min_batches=4), 0.0, array, time)
    assert len(array.waits) == 6
    assert result.seconds == pytest.approx(0.4)
