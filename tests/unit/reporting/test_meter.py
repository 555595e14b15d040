from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.reporting.meter import LossMeter, StepClock, TimeShare


class FakeTime:
    def __init__(self) -> None:
        self.now = 0.0
        self.settled = 0

    def __call__(self) -> float:
        return self.now

    def settle(self) -> None:
        self.settled += 1


def test_means_are_over_steps() -> None:
    meter = LossMeter()
    assert all(math.isnan(mean) for mean in meter.means())
    meter.add(1.0, 10.0)
    meter.add(3.0, 20.0)
    assert meter.means() == (2.0, 15.0)


def run_clock(waits: Sequence[float], compute: float, *, epochs: int = 1) -> tuple[TimeShare, FakeTime]:
    """Train on batches that are waited for so long; return the share of the last epoch."""
    time = FakeTime()
    clock = StepClock(time.settle, time)

    def batches() -> Iterator[int]:
        for number, wait in enumerate(waits):
            time.now += wait
            yield number

    for _ in range(epochs):
        before = clock.read()
        clock.resume()
        for _ in clock.batches(batches()):
            time.now += compute
            clock.count(4)
        clock.pause()
        time.now += 1000
    return clock.read() - before, time


def test_time_is_counted_while_it_runs_only() -> None:
    share, _ = run_clock([0] * 10, compute=1)
    assert share.total == 10
    assert share.images == 40
    assert share.speed == 4
    assert share.data == 0
    assert not share.starved


@given(st.integers(1, 40), st.integers(1, 3), st.sampled_from([0.0, 0.03, 0.5, 0.9]))
def test_a_constant_share_is_told_right(steps: int, epochs: int, share: float) -> None:
    """For any number of steps per epoch, so in epochs that are shorter than the distance of the samples, too."""
    told, _ = run_clock([share] * steps, compute=1 - share, epochs=epochs)
    assert told.data_share == pytest.approx(share)
    assert told.starved == (share > 0.1)


@given(st.integers(1, 40), st.integers(1, 9))
def test_a_constant_share_is_told_right_for_any_interval(steps: int, interval: int) -> None:
    time = FakeTime()
    clock = StepClock(time.settle, time)

    def batches() -> Iterator[int]:
        for number in range(steps):
            time.now += 0.75
            yield number

    clock.resume()
    last = clock.read()
    for number in clock.batches(batches()):
        time.now += 0.25
        clock.count(4)
        if (number + 1) % interval == 0:
            now = clock.read()
            assert (now - last).data_share == pytest.approx(0.75)
            last = now


def test_few_waits_of_a_long_epoch_are_measured() -> None:
    """Each of the first eight, and then every eighth, which stands for seven more."""
    _, time = run_clock([0] * 50, compute=1)
    assert time.settled == 8 + 6
    for number, steps in ((7, 1), (8, 8), (9, 0), (16, 8), (48, 2)):
        waits = [0.0] * 50
        waits[number] = 0.5
        assert run_clock(waits, compute=1)[0].data == steps * 0.5


def test_a_slow_first_batch_counts_once() -> None:
    for steps in (1, 5, 32):
        share, _ = run_clock([5, *[0] * (steps - 1)], compute=1)
        assert share.data == 5


def test_a_wait_that_stands_for_others_is_not_longer_than_all() -> None:
    waits = [0.0] * 16
    waits[8] = 100
    share, _ = run_clock(waits, compute=1)
    assert share.total == 116 and share.data == 116 and share.data_share == 1


def test_shares_of_an_interval_are_differences() -> None:
    time = FakeTime()
    clock = StepClock(time.settle, time)
    clock.resume()
    time.now += 2
    clock.count(10)
    before = clock.read()
    time.now += 3
    clock.count(9)
    share = clock.read() - before
    assert (share.total, share.images, share.steps, share.speed) == (3, 9, 1, 3)


def test_nothing_measured_is_no_division_by_zero() -> None:
    assert (TimeShare().speed, TimeShare().data_share, TimeShare().starved) == (0, 0, False)
