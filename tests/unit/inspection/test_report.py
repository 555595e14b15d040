from __future__ import annotations

import json
import math

from dali_ssd.inspection.report import Coverage, plain


def test_json_has_null_for_what_is_not_known() -> None:
    text = json.dumps(
        plain({"a": Coverage(0, math.nan, 0.5, math.inf, 1.0).__dict__, "b": (1, "x", None)}), allow_nan=False
    )
    assert json.loads(text) == {
        "a": {"objects": 0, "covered": None, "forced": 0.5, "untrained": None, "positives": 1.0},
        "b": [1, "x", None],
    }
