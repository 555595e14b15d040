from __future__ import annotations

import math

import numpy as np

from dali_ssd.inspection.numbers import (
    cost_in_words,
    histogram,
    percent,
    ratio_in_words,
    short,
    size_in_words,
    spread,
    spread_in_words,
)


def test_a_spread_is_that_of_percentiles() -> None:
    values = np.random.default_rng(0).uniform(0, 9, 1000)
    found = spread(values)
    assert (found.least, found.most) == (values.min(), values.max())
    np.testing.assert_allclose([found.low, found.median, found.high], np.percentile(values, [5, 50, 95]))
    assert math.isnan(spread(()).median)


def test_what_is_beyond_the_bins_counts_at_their_ends() -> None:
    found = histogram([-5, 0, 0.5, 1, 99], [0, 1, 2])
    assert (found.edges, found.counts) == ((0, 1, 2), (3, 2))


def test_numbers_in_words() -> None:
    assert (percent(0.1234), percent(math.nan)) == ("12.3%", "-")
    assert (short(2.9412), short(math.nan)) == ("2.94", "-")
    assert [ratio_in_words(ratio) for ratio in (1 / 3, 0.5, 1, 3)] == ["1/3", "1/2", "1", "3"]
    assert [size_in_words(size) for size in (999, 1.5e6, 9.66e9)] == ["1 kB", "1.5 MB", "9.7 GB"]
    assert cost_in_words(2.5, 8.0) == "2.50 ms per image, 8.0 ms per megapixel"
    assert cost_in_words(2.5, math.nan) == "2.50 ms per image"


def test_a_spread_in_words() -> None:
    assert spread_in_words(spread([640, 640])) == "640 in all of them"
    assert spread_in_words(spread(range(0, 2001))) == "median 1,000, 100 to 1,900 for 90% of them, 0 to 2,000 in all"
    assert spread_in_words(spread([2500.0]), 1000) == "2.5 in all of them"
    assert spread_in_words(spread(())) == "-"
