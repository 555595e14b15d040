"""The analysis as a whole, which goes to JSON."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings

from dali_ssd.metrics.analysis import Thresholds, analyze
from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.verdicts import Kind
from tests.support.detected import CLASSES, detected, image_lists
from tests.support.worked import IMAGES
from tests.support.worked import NAMES as WORKED

BOX, FAR = (10, 10, 59, 59), (200, 200, 220, 220)
NAMES = tuple("abc")


@settings(max_examples=50)
@given(image_lists())
def test_counts_agree_with_each_other(images: list[Detections]) -> None:
    analysis = analyze(images, NAMES, Thresholds())
    of_classes = [analysis.kinds(class_id) for class_id in range(CLASSES)]
    assert analysis.kinds() == {kind: sum(each[kind] for each in of_classes) for kind in Kind}
    assert analysis.missed() == sum(analysis.missed(class_id) for class_id in range(CLASSES))
    objects = sum(int((~image.difficult).sum()) for image in images)
    assert analysis.kinds()[Kind.RIGHT] + analysis.missed() == objects
    assert sum(size.objects for size in analysis.sizes) == objects
    assert sum(size.found for size in analysis.sizes) == analysis.kinds()[Kind.RIGHT]


def test_f1_and_the_best_threshold_are_of_all_classes() -> None:
    analysis = analyze(IMAGES, WORKED, Thresholds())
    assert analysis.f1 == pytest.approx(2 * 4 / (2 * 4 + 10 + 3))
    assert analysis.best == pytest.approx((0.72, 2 * 4 / (6 + 7), 4 / 6, 4 / 7))
    assert math.isnan(analyze([], WORKED, Thresholds()).f1)


def test_the_smallest_score_is_that_of_all_counts() -> None:
    for min_score, found in ((0.3, 5), (0.4, 4), (0.82, 3)):  # one has exactly 0.82
        analysis = analyze(IMAGES, WORKED, Thresholds(min_score=min_score))
        assert (analysis.kinds()[Kind.RIGHT], analysis.missed()) == (found, 7 - found)
        assert [(one.objects, one.found, one.at_all) for one in analysis.sizes] == [(7, found, 5)]
    assert analysis.confusion.tolist() == [[2, 0, 3], [0, 1, 1], [0, 1, 0]]


def test_the_overlap_is_that_of_all_counts() -> None:
    """A box that overlaps its object by 30 of 70 columns is enough for 0.4, and not for 0.5."""
    for min_iou, found in ((0.4, 4), (0.5, 3)):
        analysis = analyze(IMAGES, WORKED, Thresholds(min_iou=min_iou))
        assert analysis.kinds(0)[Kind.RIGHT] == found
        assert analysis.confusion[0].tolist() == [found, 0, 5 - found]


@settings(max_examples=50)
@given(image_lists())
def test_numbers_are_json(images: list[Detections]) -> None:
    numbers = analyze(images, NAMES, Thresholds()).numbers()
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers


def test_numbers() -> None:
    image = detected([(BOX, 0, 0.75), (FAR, 1, 0.5), (FAR, 1, 0.25)], [(BOX, 0), ((300, 0, 399, 399), 2)])
    assert analyze([image], NAMES, Thresholds(min_score=0.3)).numbers() == {
        "thresholds": {"min_score": 0.3, "min_iou": 0.5},
        "errors": {
            "right": 1,
            "localization": 0,
            "confusion": 0,
            "duplicate": 0,
            "background": 1,
            "passed_over": 0,
            "missed": 1,
        },
        "confusion": [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]],
        "best_threshold": {
            "a": {"score": 0.75, "f1": 1.0, "precision": 1.0, "recall": 1.0},
            "b": None,
            "c": None,
        },
        "calibration_error": (0.25 + 0.5 + 0.25) / 3,
        "recall_by_size": [
            {"low": 32.0, "high": 64.0, "objects": 1, "found": 1, "at_all": 1},
            {"low": 128.0, "high": 256.0, "objects": 1, "found": 0, "at_all": 0},
        ],
    }
