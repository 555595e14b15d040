from __future__ import annotations

import json
import math

import numpy as np

from dali_ssd.inspection.report import Coverage, histogram, plain, spread


def test_a_spread_is_that_of_percentiles() -> None:
    values = np.random.default_rng(0).uniform(0, 9, 1000)
    found = spread(values)
    assert (found.least, found.most) == (values.min(), values.max())
    np.testing.assert_allclose([found.low, found.median, found.high], np.percentile(values, [5, 50, 95]))
    assert math.isnan(spread(()).median)


def test_what_is_beyond_the_bins_counts_at_their_ends() -> None:
    found = histogram([-5, 0, 0.5, 1, 99], [0, 1, 2])
    assert (found.edges, found.counts) == ((0, 1, 2), (3, 2))


def test_json_has_null_for_what_is_not_known() -> None:
    text = json.dumps(
        plain({"a": Coverage(0, math.nan, 0.5, math.inf, 1.0).__dict__, "b": (1, "x", None)}), allow_nan=False
    )
    assert json.loads(text) == {
        "a": {"objects": 0, "covered": None, "forced": 0.5, "untrained": None, "positives": 1.0},
        "b": [1, "x", None],
    }
