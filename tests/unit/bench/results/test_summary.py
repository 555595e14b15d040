from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.bench.results.summary import Row, Spread, summarize

SPEEDS = st.floats(0.1, 1e6)


def run(contender: str, number: int, speed: float, threads: int = 2, **fields: Any) -> Run:
    return Run(Trial(contender, threads, 32), number, Outcome(images_per_second=speed, **fields))


def row_of(rows: list[Row], contender: str, threads: int = 2) -> Row:
    (row,) = (row for row in rows if row.trial.contender == contender and row.trial.threads == threads)
    return row


def test_ratios_are_taken_within_a_round() -> None:
    # The machine is half as fast in round 2: the ratio stays what it is.
    runs = [run("dali_ssd", 1, 1000), run("gluoncv", 1, 50), run("gluoncv", 2, 25), run("dali_ssd", 2, 500)]
    row = row_of(summarize(runs), "gluoncv")
    assert row.ratio == Spread(20.0, 20.0, 20.0)
    assert row.speed == Spread(37.5, 25.0, 50.0)


def test_the_ratio_is_the_median_of_ratios_and_not_the_ratio_of_medians() -> None:
    mine, theirs = [100, 300, 200], [10, 10, 40]
    runs = [run("dali_ssd", i, speed) for i, speed in enumerate(mine)]
    runs += [run("stock", i, speed) for i, speed in enumerate(theirs)]
    assert row_of(summarize(runs), "stock").ratio == Spread(10.0, 5.0, 30.0)


def test_a_round_without_the_reference_gives_no_ratio() -> None:
    runs = [run("gluoncv", 1, 50), run("dali_ssd", 2, 600), run("gluoncv", 2, 60)]
    row = row_of(summarize(runs), "gluoncv")
    assert row.ratio == Spread(10.0, 10.0, 10.0)
    assert row.rounds == 2


def test_only_equal_settings_are_compared() -> None:
    runs = [run("dali_ssd", 1, 1000, threads=2), run("stock", 1, 100, threads=2), run("stock", 1, 60, threads=1)]
    rows = summarize(runs)
    assert row_of(rows, "stock", 2).ratio == Spread(10.0, 10.0, 10.0)
    assert row_of(rows, "stock", 1).ratio is None


def test_a_failure_after_a_success_keeps_the_numbers_and_the_error() -> None:
    runs = [run("gluoncv", 1, 50), Run(Trial("gluoncv", 2, 32), 2, Outcome(error="worker died"))]
    row = row_of(summarize(runs), "gluoncv")
    assert row.speed == Spread(50.0, 50.0, 50.0)
    assert row.error == "worker died"


def test_what_was_not_measured_is_none() -> None:
    row = row_of(summarize([Run(Trial("gluoncv", 2, 32), 1, Outcome(error="no"))]), "gluoncv")
    assert (row.speed, row.ratio, row.cores, row.peak_memory_mb, row.gpu_utilization) == (None,) * 5
    assert row.rounds == 0


def test_memory_is_the_highest_of_all_rounds_and_the_rest_the_median() -> None:
    runs = [run("decode", i, 1.0, peak_memory_mb=peak, startup_s=peak) for i, peak in enumerate([200.0, 900.0, 300.0])]
    row = row_of(summarize(runs), "decode")
    assert row.peak_memory_mb == 900.0
    assert row.startup_s == 300.0


def on(devices: tuple[int, ...], number: int, *speeds: float) -> Run:
    parts = [Outcome(images_per_second=speed) for speed in speeds]
    outcome = Outcome(images_per_second=sum(speeds), devices=parts if len(parts) > 1 else [])
    return Run(Trial("dali_ssd", 2, 32, devices), number, outcome)


def test_several_devices_are_compared_with_one_times_their_number_in_the_same_round() -> None:
    # The machine is half as fast in round 2: the scaling stays what it is.
    runs = [on((0,), 1, 100), on((0, 1), 1, 100, 80), on((0, 1), 2, 50, 40), on((0,), 2, 50)]
    one, two = summarize(runs)
    assert two.scaling == Spread(0.9, 0.9, 0.9)
    assert two.each == [75, 60]
    assert two.speed == Spread(135, 90, 180)
    assert (one.scaling, one.each) == (None, [])


def test_devices_that_differ_count_by_their_own_speed() -> None:
    row = summarize([on((0,), 1, 100), on((1,), 1, 300), on((0, 1), 1, 100, 300)])[-1]
    assert row.scaling == Spread(1.0, 1.0, 1.0)


def test_without_one_device_there_is_no_scaling() -> None:
    assert summarize([on((0, 1), 1, 100, 100)])[0].scaling is None


def test_only_the_same_devices_are_compared() -> None:
    runs = [on((0,), 1, 100), on((0, 1), 1, 90, 90), Run(Trial("decode", 2, 32, (0, 1)), 1, Outcome(360))]
    assert summarize(runs)[-1].ratio == Spread(0.5, 0.5, 0.5)


@given(st.lists(st.tuples(SPEEDS, SPEEDS), min_size=1, max_size=7))
def test_spreads_enclose_their_medians(pairs: list[tuple[float, float]]) -> None:
    runs = [run("dali_ssd", i, mine) for i, (mine, _) in enumerate(pairs)]
    runs += [run("mxnet", i, theirs) for i, (_, theirs) in enumerate(pairs)]
    row = row_of(summarize(runs), "mxnet")
    ratios = [mine / theirs for mine, theirs in pairs]
    assert row.speed and row.ratio
    assert row.speed.low <= row.speed.median <= row.speed.high
    assert (row.ratio.low, row.ratio.high) == (min(ratios), max(ratios))
    assert row_of(summarize(runs), "dali_ssd").ratio == Spread(1.0, 1.0, 1.0)


def test_no_values_have_no_spread() -> None:
    assert Spread.of([]) is None
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == Spread(2.5, 1.0, 10.0)
    assert pytest.approx(2.5) == Spread.of([3.0, 2.0]).median  # type: ignore[union-attr]
