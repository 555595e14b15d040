from __future__ import annotations

import math

import numpy as np
from hypothesis import given

from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.per_image import ImageScore, best_and_worst, score_images, sure_ones
from tests.support.detected import detected, image_lists, overlap

BOX, OTHER, NOWHERE = (10, 10, 60, 60), (70, 70, 120, 126), (200, 200, 220, 220)


def by_hand(image: Detections, min_score: float) -> ImageScore:
    """The surest first: each has the object of its class that it overlaps most, which it finds if it is the first."""
    found: set[int] = set()
    right = wrong = 0
    for row in sorted(np.flatnonzero(image.scores >= min_score), key=lambda row: -image.scores[row]):
        own = [k for k in range(len(image.true_ids)) if image.true_ids[k] == image.class_ids[row]]
        best = max(own, key=lambda k: overlap(image.boxes[row], image.true_boxes[k]), default=None)
        if best is None or overlap(image.boxes[row], image.true_boxes[best]) < 0.5:
            wrong += 1
        elif not image.difficult[best]:
            right, wrong = right + (best not in found), wrong + (best in found)
            found.add(best)
    return ImageScore(right, wrong, int((~image.difficult).sum()) - right)


@given(image_lists())
def test_scores_are_those_by_hand(images: list[Detections]) -> None:
    for least in (0.0, 0.4):
        assert score_images(images, least) == [by_hand(image, least) for image in images]


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    one = ImageScore(right=3, wrong=1, missed=2)
    precision, recall = 3 / 4, 3 / 5
    assert math.isclose(one.f1, 2 * precision * recall / (precision + recall))
    assert str(one) == "3 of 5 found, 1 wrong"
    assert ImageScore(0, 1, 0).f1 == 0
    assert math.isnan(ImageScore(0, 0, 0).f1)


def test_only_sure_detections_are_kept_in_their_order() -> None:
    image = sure_ones(detected([(BOX, 0, 0.9), (OTHER, 1, 0.4), (NOWHERE, 2, 0.39)], [(BOX, 0)]))
    assert image.class_ids.tolist() == [0, 1]
    assert len(image.true_boxes) == 1


def test_best_and_worst_images() -> None:
    images = [
        detected([], [(BOX, 0)]),  # missed
        detected([(BOX, 0, 0.9)], [(BOX, 0)]),  # right
        detected([(BOX, 0, 0.9), (OTHER, 1, 0.9)], [(BOX, 0), (OTHER, 1)]),  # right, with more objects
        detected([(BOX, 0, 0.9), (NOWHERE, 0, 0.8)], [(BOX, 0)]),  # a wrong one
        detected([], []),  # nothing to say
        detected([(NOWHERE, 0, 0.8)], [(BOX, 0)]),  # missed, and a wrong one
        detected([(BOX, 0, 0.9)], [(BOX, 0)], [True]),  # nothing counts
    ]
    scores = score_images(images)
    assert best_and_worst(scores, 9) == ([2, 1, 3], [5, 0, 3])
    assert best_and_worst(scores, 1) == ([2], [5])
    assert best_and_worst([], 4) == ([], [])
