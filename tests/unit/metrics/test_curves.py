"""Curves, best thresholds and calibration against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from dali_ssd.metrics.curves import calibration, curve
from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.verdicts import Kind, find_verdicts
from dali_ssd.metrics.voc import voc07_scores
from tests.support.detected import CLASSES, detected, image_lists

BOX, BESIDE, FAR = (10, 10, 59, 59), (70, 10, 119, 59), (200, 200, 220, 220)


@settings(max_examples=200)
@given(image_lists())
def test_the_best_threshold_is_that_of_trying_all(images: list[Detections]) -> None:
    verdicts = find_verdicts(images)
    for class_id in range(CLASSES):
        one = curve(verdicts, class_id)
        judged = verdicts.judged(class_id)
        if one is None:
            assert not judged.objects
            continue
        tried = []
        for score in sorted(set(judged.scores.tolist()), reverse=True):
            kept = judged.scores >= score
            hits, counting = int(judged.right[kept].sum()), int(judged.counts[kept].sum())
            precision, recall = hits / max(counting, 1), hits / judged.objects
            tried.append((2 * precision * recall / (precision + recall) if hits else 0.0, score, precision, recall))
        best = max(tried, key=lambda each: each[0], default=(0.0,))
        if not best[0]:
            assert one.best is None
        else:
            assert one.best is not None
            assert one.best.f1 == pytest.approx(best[0])
            at = [each for each in tried if each[1] >= one.best.score][-1]
            assert (one.best.f1, one.best.precision, one.best.recall) == pytest.approx((at[0], at[2], at[3]))


@settings(max_examples=100)
@given(image_lists())
def test_the_mean_of_the_marks_is_the_average_precision(images: list[Detections]) -> None:
    verdicts = find_verdicts(images)
    for class_id, expected in enumerate(voc07_scores(images, CLASSES)):
        one = curve(verdicts, class_id)
        assert (one is None) == math.isnan(expected)
        assert one is None or np.mean(one.marks) == pytest.approx(expected)


def test_detections_of_one_score_are_kept_or_left_together() -> None:
    image = detected([(BOX, 0, 0.5), (FAR, 0, 0.5)], [(BOX, 0)])
    one = curve(find_verdicts([image]), 0)
    assert one is not None and one.best == pytest.approx((0.5, 2 / 3, 0.5, 1))


@pytest.mark.parametrize(
    ("found", "below", "score"),
    [
        (0.75, None, 0.75),
        (0.6996, 0.5, 0.69),
        (0.299, 0.291, 0.298),  # in float32, 0.299 is a little less
        (0.299, 0.2985, 0.2989),
        (0.0099, 0.009, 0.0098),  # in float32, 0.009 is no more than the score below
        (0.0099, None, 0.009),  # 0.00 would be no threshold
        (1e-25, None, 1e-25),
    ],
)
def test_the_best_threshold_has_few_decimals_and_is_not_rounded_up(
    found: float, below: float | None, score: float
) -> None:
    """Hits and false alarms are kept as they are by the score of the last hit, whether in float32 or in float64."""
    more = [] if below is None else [(FAR, 0, below)] * 10
    one = curve(find_verdicts([detected([(BOX, 0, found), *more], [(BOX, 0)])]), 0)
    assert one is not None and one.best is not None
    assert one.best.f1 == 1
    assert one.best.score == pytest.approx(score) and one.best.score <= np.float32(found)
    assert below is None or one.best.score > np.float32(below)


def test_of_equal_thresholds_the_highest_is_best() -> None:
    """F1 is 2/3 with the first detection alone, and again with the last."""
    found = [(BOX, 0, 0.75), (FAR, 0, 0.5), (FAR, 0, 0.25), (BESIDE, 0, 0.125)]
    one = curve(find_verdicts([detected(found, [(BOX, 0), (BESIDE, 0)])]), 0)
    assert one is not None and one.best == pytest.approx((0.75, 2 / 3, 1, 1 / 2))


def test_long_curves_are_thinned_to_where_recalls_are_first_reached() -> None:
    rng = np.random.default_rng(0)
    images = [detected([(BOX if rng.random() < 0.7 else FAR, 0, float(rng.random()))], [(BOX, 0)]) for _ in range(2000)]
    verdicts = find_verdicts(images)
    whole, thin = curve(verdicts, 0, points=10**6), curve(verdicts, 0, points=50)
    assert whole is not None and thin is not None
    assert len(whole.recall) == 2000 and 40 <= len(thin.recall) <= 50
    assert thin.recall[-1] == whole.recall[-1] and (np.diff(thin.recall) > 0).all()
    points = set(zip(whole.recall.tolist(), whole.precision.tolist(), strict=True))
    assert set(zip(thin.recall.tolist(), thin.precision.tolist(), strict=True)) <= points
    assert (thin.marks, thin.best) == (whole.marks, whole.best)


@settings(max_examples=100)
@given(image_lists())
def test_calibration_is_that_of_plain_loops(images: list[Detections]) -> None:
    verdicts = find_verdicts(images)
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(10)]
    for score, kind in zip(verdicts.scores.tolist(), verdicts.kind.tolist(), strict=True):
        if kind != Kind.PASSED_OVER:
            bins[min(int(score * 10), 9)].append((score, kind == Kind.RIGHT))
    found = calibration(verdicts)
    assert found.right.tolist() == [sum(right for _, right in each) for each in bins]
    assert found.wrong.tolist() == [sum(not right for _, right in each) for each in bins]
    for mean, each in zip(found.mean_score, bins, strict=True):
        expected = sum(score for score, _ in each) / len(each) if each else math.nan
        assert mean == pytest.approx(expected, nan_ok=True)
    total = sum(map(len, bins))
    far = [abs(sum(right for _, right in each) - sum(score for score, _ in each)) for each in bins]
    assert found.error == pytest.approx(sum(far) / total if total else math.nan, nan_ok=True)


def test_a_score_of_one_is_in_the_last_bin() -> None:
    assert calibration(find_verdicts([detected([(BOX, 0, 1.0)], [(BOX, 0)])])).right.tolist() == [0] * 9 + [1]


def test_what_finds_a_difficult_object_is_no_point_of_a_curve() -> None:
    image = detected([(FAR, 0, 0.9), (BOX, 0, 0.5)], [(BOX, 0), (FAR, 0)], [False, True])
    one = curve(find_verdicts([image]), 0)
    assert one is not None and (one.recall.tolist(), one.precision.tolist()) == ([1], [1])
    none = curve(find_verdicts([detected([(FAR, 0, 0.9)], [(BOX, 0), (FAR, 0)], [False, True])]), 0)
    assert none is not None and none.best is None and not len(none.recall)


def test_nothing_found_has_no_best_threshold() -> None:
    one = curve(find_verdicts([detected([], [(BOX, 0)])]), 0)
    assert one is not None and one.best is None and one.marks == [0.0] * 11 and not len(one.recall)
