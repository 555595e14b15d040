from __future__ import annotations

from typing import Any

import pytest

from dali_ssd.errors import ConfigError
from dali_ssd.gluon.detecting.options import DetectConfig
from dali_ssd.gluon.options import EvalConfig
from dali_ssd.metrics.detections import SURE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 0, "batch_size": -1}, "top_k must be greater than 0, not 0; batch_size must be greater than 0"),
        ({"min_score": 1.5}, r"min_score must be a probability within 0\.\.1, not 1.5"),
        ({"num_workers": -1}, "num_workers must not be negative"),
        ({"coordinates": "feet"}, "coordinates must be auto, fraction or pixel"),
    ],
)
def test_faults_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DetectConfig(("a.jpg",), "a.params", **options)


def test_by_default_detect_and_eval_show_the_detections_that_pictures_of_training_show() -> None:
    assert DetectConfig.min_score == EvalConfig.min_score == SURE
