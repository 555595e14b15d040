from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dali_ssd.metrics.coco import COCO_NAMES, coco_scores
from dali_ssd.metrics.detections import Detections

pytest.importorskip("pycocotools")


def image(
    found: Sequence[tuple[float, ...]], true: Sequence[tuple[float, ...]], difficult: tuple[bool, ...] | None = None
) -> Detections:
    """`found`: xmin ymin xmax ymax id score; `true`: xmin ymin xmax ymax id."""
    f, t = np.array(found, np.float32).reshape(-1, 6), np.array(true, np.float32).reshape(-1, 5)
    marks = np.array(difficult or [False] * len(t), bool)
    return Detections(f[:, :4], f[:, 4].astype(np.int32), f[:, 5], t[:, :4], t[:, 4].astype(np.int32), marks)


BOX, OTHER = (10.0, 10.0, 60.0, 60.0), (100.0, 100.0, 140.0, 140.0)


def test_everything_found_is_1() -> None:
    scores = coco_scores([image([(*BOX, 0, 0.9), (*OTHER, 1, 0.8)], [(*BOX, 0), (*OTHER, 1)])], 2)
    assert tuple(scores) == COCO_NAMES
    assert (scores["AP"], scores["AP50"], scores["AR 100"]) == pytest.approx((1, 1, 1))
    # Both are between 32 and 96 pixels wide.
    assert scores["AP medium"] == pytest.approx(1)
    assert math.isnan(scores["AP small"])


def test_the_first_object_counts_too() -> None:
    # pycocotools takes an annotation whose id is 0 for no match.
    assert coco_scores([image([(*BOX, 0, 0.9)], [(*BOX, 0)])], 1)["AP"] == pytest.approx(1)


def test_a_coarse_box_counts_at_low_thresholds_only() -> None:
    scores = coco_scores([image([(10, 10, 60, 42, 0, 0.9)], [(*BOX, 0)])], 1)
    assert scores["AP50"] == pytest.approx(1)
    assert scores["AP75"] == 0
    # IoU 0.64: three of the ten thresholds.
    assert scores["AP"] == pytest.approx(0.3)


def test_a_difficult_object_counts_for_nothing() -> None:
    true = [(*BOX, 0), (*OTHER, 0)]
    missed = coco_scores([image([(*BOX, 0, 0.9)], true, (False, True))], 1)
    assert missed["AP"] == pytest.approx(1)
    found = coco_scores([image([(*OTHER, 0, 0.95), (*BOX, 0, 0.9)], true, (False, True))], 1)
    assert found["AP"] == pytest.approx(1)
    counted = coco_scores([image([(*BOX, 0, 0.9)], true)], 1)
    assert counted["AP"] < 0.6


def test_a_small_box_inside_a_difficult_one_is_still_wrong() -> None:
    """A crowd would swallow it: overlap with a crowd is measured by the detection's own area."""
    inside = (*OTHER[:2], 110, 110, 0, 0.95)
    scores = coco_scores([image([inside, (*BOX, 0, 0.9)], [(*BOX, 0), (*OTHER, 0)], (False, True))], 1)
    assert scores["AP"] == pytest.approx(0.5)


def test_nothing_found() -> None:
    scores = coco_scores([image([], [(*BOX, 0)])], 1)
    assert scores["AP"] == 0


def test_nothing_there() -> None:
    assert all(math.isnan(value) for value in coco_scores([image([(*BOX, 0, 0.9)], [])], 1).values())
    assert all(math.isnan(value) for value in coco_scores([], 1).values())


def test_pycocotools_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    coco_scores([image([(*BOX, 0, 0.9)], [(*BOX, 0)])], 1)
    assert capsys.readouterr().out == ""


corner = st.floats(0, 200, width=32)


@settings(max_examples=25)
@given(st.lists(st.tuples(corner, corner, corner, corner, st.integers(0, 2)), max_size=6))
def test_the_truth_scores_1_and_scaling_changes_nothing(objects: list[tuple[float, ...]]) -> None:
    true = [(*sorted(o[:4:2]), *sorted(o[1:4:2]), o[4]) for o in objects]
    true = [(x1, y1, x2 + 1, y2 + 1, c) for x1, x2, y1, y2, c in true]
    found = [(*t, 0.9) for t in true]
    scores = coco_scores([image(found, true)], 3)
    if true:
        assert scores["AP"] == pytest.approx(1)
    stretched = [tuple(np.array(t[:4]) * [2, 0.5, 2, 0.5]) + t[4:] for t in true]
    again = coco_scores([image([(*t, 0.9) for t in stretched], stretched)], 3)
    assert again["AP"] == pytest.approx(scores["AP"], nan_ok=True)
