from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

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


def run_clock(first: float, wait: float, compute: float, steps: int) -> tuple[TimeShare, FakeTime]:
    time = FakeTime()
    clock = StepClock(time.settle, time)

    def batches() -> Iterator[int]:
        for number in range(steps):
            time.now += wait if number else first
            yield number

    clock.resume()
    for _ in clock.batches(batches()):
        time.now += compute
        clock.count(4)
    clock.pause()
    time.now += 1000
    return clock.read(), time


def test_time_is_counted_while_it_runs_only() -> None:
    share, _ = run_clock(first=0, wait=0, compute=1, steps=10)
    assert share.total == 10
    assert share.images == 40
    assert share.speed == 4
    assert share.data == 0
    assert not share.starved


def test_waits_are_estimated_from_the_samples() -> None:
    share, time = run_clock(first=1, wait=1, compute=1, steps=33)
    assert time.settled == 4
    assert share.samples == 4
    assert share.data == pytest.approx(33, abs=1)
    assert share.data_share == pytest.approx(0.5, abs=0.02)
    assert share.starved


def test_a_slow_first_batch_counts_once() -> None:
    share, _ = run_clock(first=5, wait=0, compute=1, steps=32)
    assert share.data == 5


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
