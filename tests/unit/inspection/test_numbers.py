from __future__ import annotations

import math

from dali_ssd.inspection.numbers import percent, ratio_in_words, short, size_in_words, spread_in_words
from dali_ssd.inspection.report import spread


def test_numbers_in_words() -> None:
    assert (percent(0.1234), percent(math.nan)) == ("12.3%", "-")
    assert (short(2.9412), short(math.nan)) == ("2.94", "-")
    assert [ratio_in_words(ratio) for ratio in (1 / 3, 0.5, 1, 3)] == ["1/3", "1/2", "1", "3"]
    assert [size_in_words(size) for size in (999, 1.5e6, 9.66e9)] == ["1 kB", "1.5 MB", "9.7 GB"]


def test_a_spread_in_words() -> None:
    assert spread_in_words(spread([640, 640])) == "640 in all of them"
    assert spread_in_words(spread(range(0, 2001))) == "median 1,000, 100 to 1,900 for 90% of them, 0 to 2,000 in all"
    assert spread_in_words(spread([2500.0]), 1000) == "2.5 in all of them"
    assert spread_in_words(spread(())) == "-"
