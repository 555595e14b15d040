"""The confusion matrix against plain loops, and worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dali_ssd.metrics.confusion import Mistaken, confusion, mistakes, row_shares
from dali_ssd.metrics.detections import Detections
from tests.support.detected import CLASSES, detected, image_lists, overlap

BOX, FAR = (10, 10, 59, 59), (200, 200, 220, 220)


def slowly(images: list[Detections], min_score: float) -> list[list[int]]:
    counts = [[0] * (CLASSES + 1) for _ in range(CLASSES + 1)]
    for image in images:
        left = set(range(len(image.true_ids)))
        for row in sorted(range(len(image.scores)), key=lambda n: -image.scores[n]):
            if image.scores[row] < min_score:
                continue
            overlaps = {n: overlap(image.boxes[row].tolist(), image.true_boxes[n].tolist()) for n in sorted(left)}
            best = max(overlaps, key=lambda n: overlaps[n], default=None)
            if best is None or overlaps[best] < 0.5:
                counts[CLASSES][image.class_ids[row]] += 1
            elif not image.difficult[best]:
                left.remove(best)
                counts[image.true_ids[best]][image.class_ids[row]] += 1
        for n in left:
            counts[image.true_ids[n]][CLASSES] += not image.difficult[n]
    return counts


@settings(max_examples=300)
@given(image_lists(), st.sampled_from([0.0, 0.3, 0.5]))
def test_counts_are_those_of_plain_loops(images: list[Detections], min_score: float) -> None:
    counts = confusion(images, CLASSES, min_score)
    assert counts.tolist() == slowly(images, min_score)
    # Every object that counts is somewhere in its row.
    for class_id in range(CLASSES):
        there = sum(int(((image.true_ids == class_id) & ~image.difficult).sum()) for image in images)
        assert counts[class_id].sum() == there


def test_the_surest_detection_has_the_object() -> None:
    two = detected([(BOX, 1, 0.6), (BOX, 0, 0.9)], [(BOX, 0)])
    assert confusion([two], 2, 0.5).tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_missed_and_background() -> None:
    assert confusion([detected([(FAR, 1, 0.9)], [(BOX, 0)])], 2, 0.5).tolist() == [[0, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_difficult_objects_count_nowhere() -> None:
    image = detected([(BOX, 0, 0.9), (BOX, 1, 0.8)], [(BOX, 0), (FAR, 1)], [True, True])
    assert not confusion([image], 2, 0.5).any()


def test_shares_of_rows() -> None:
    counts = np.array([[3, 1], [0, 0]])
    assert row_shares(counts).tolist() == [[0.75, 0.25], [0, 0]]


def test_what_is_mistaken_most_often_comes_first() -> None:
    counts = np.array([[5, 3, 0, 2], [1, 9, 0, 0], [4, 0, 0, 0], [7, 7, 7, 0]])
    assert mistakes(counts, 2) == [Mistaken(2, 0, 4, 1.0), Mistaken(0, 1, 3, 0.3)]
    assert [one.times for one in mistakes(counts, 9)] == [4, 3, 1]


def test_of_equal_mistakes_the_first_come_first() -> None:
    counts = np.array([[0, 2, 3, 0], [2, 0, 2, 0], [2, 3, 0, 0], [0, 0, 0, 0]])
    pairs = [(one.true_id, one.found_id) for one in mistakes(counts, 5)]
    assert pairs == [(0, 2), (2, 1), (0, 1), (1, 0), (1, 2)]
    many = mistakes(np.ones((9, 9), np.int64), 20)
    assert [(one.true_id, one.found_id) for one in many] == [(i, j) for i in range(8) for j in range(8) if i != j][:20]


@pytest.mark.parametrize("classes", [1, 80])
def test_without_images_all_is_zero(classes: int) -> None:
    counts = confusion([], classes, 0.5)
    assert counts.shape == (classes + 1, classes + 1) and not counts.any() and mistakes(counts, 5) == []
