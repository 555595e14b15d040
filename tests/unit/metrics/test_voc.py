"""VOC07 average precision worked out by hand; `tests/gluoncv/test_voc_metric.py` compares it with GluonCV's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.voc import voc07_scores

BOX, OTHER, NOWHERE = (10, 10, 60, 60), (70, 70, 120, 126), (200, 200, 220, 220)
Found = tuple[tuple[int, int, int, int], float]


def image(
    found: Sequence[Found], true: Sequence[tuple[int, int, int, int]], difficult: Sequence[bool] = ()
) -> Detections:
    return Detections(
        np.array([box for box, _ in found], np.float32).reshape(-1, 4),
        np.zeros(len(found), np.int32),
        np.array([score for _, score in found], np.float32),
        np.array(true, np.float32).reshape(-1, 4),
        np.zeros(len(true), np.int32),
        np.array(difficult or [False] * len(true), bool),
    )


@pytest.mark.parametrize(
    ("found", "true", "expected"),
    [
        ([(BOX, 0.9)], [BOX], 1),
        ([], [BOX], 0),
        ([(NOWHERE, 0.9), (BOX, 0.8)], [BOX], 1 / 2),
        ([(BOX, 0.9), (BOX, 0.8)], [BOX], 1),  # a second one for the same object is wrong, but comes later
        ([(BOX, 0.9), (BOX, 0.8), (OTHER, 0.7)], [BOX, OTHER], (6 * 1 + 5 * 2 / 3) / 11),
        ([(BOX, 0.9)], [BOX, OTHER], 6 / 11),  # recall one half reaches 6 of the 11 points
    ],
)
def test_average_precision(found: Sequence[Found], true: Sequence[tuple[int, int, int, int]], expected: float) -> None:
    assert voc07_scores([image(found, true)], 1) == pytest.approx([expected])


def test_a_difficult_object_is_neither_found_nor_missed() -> None:
    assert voc07_scores([image([(BOX, 0.9), (OTHER, 0.8)], [BOX, OTHER], [True, False])], 1) == pytest.approx([1])


def test_the_surest_of_all_images_come_first() -> None:
    images = [image([(BOX, 0.5)], [BOX]), image([(NOWHERE, 0.9)], [BOX])]
    assert voc07_scores(images, 1) == pytest.approx([6 / 11 / 2])


def test_a_class_without_objects_has_no_score() -> None:
    assert math.isnan(voc07_scores([image([(BOX, 0.9)], [])], 1)[0])
    assert math.isnan(voc07_scores([], 1)[0])


def test_overlap_counts_the_last_pixels() -> None:
    """Ten whole pixels of 10 and 20: just one half; as lengths, 9 of 19 would be less."""
    assert voc07_scores([image([((0, 0, 9, 9), 0.9)], [(0, 0, 19, 9)])], 1) == pytest.approx([1])
