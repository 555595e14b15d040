"""The verdicts against plain loops over all pairs of boxes, and worked out by hand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings

from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.verdicts import WRONG, Kind, find_verdicts
from dali_ssd.metrics.voc import precision_recall, running
from tests.support.detected import CLASSES, detected, image_lists, overlap

BOX, BESIDE, FAR = (10, 10, 59, 59), (30, 10, 79, 59), (200, 200, 220, 220)
"""Beside overlaps the box by 30 of 70 columns."""


class Verdict(NamedTuple):
    kind: Kind
    nearest: int
    iou: float


def slowly(image: Detections) -> dict[int, Verdict]:
    """The verdict on each detection by its row."""
    verdicts: dict[int, Verdict] = {}
    taken: set[int] = set()
    for row in sorted(range(len(image.scores)), key=lambda n: -image.scores[n]):
        overlaps = [overlap(image.boxes[row].tolist(), true) for true in image.true_boxes.tolist()]
        own = [n for n in range(len(overlaps)) if image.true_ids[n] == image.class_ids[row]]
        met = max(own, key=lambda n: overlaps[n], default=-1)
        most = max(range(len(overlaps)), key=lambda n: overlaps[n], default=-1)
        if met >= 0 and overlaps[met] >= 0.5:
            kind = Kind.PASSED_OVER if image.difficult[met] else Kind.DUPLICATE if met in taken else Kind.RIGHT
            taken.add(met)
            verdicts[row] = Verdict(kind, met, overlaps[met])
        elif most < 0 or overlaps[most] == 0:
            verdicts[row] = Verdict(Kind.BACKGROUND, -1, 0)
        else:
            about = Kind.LOCALIZATION if image.true_ids[most] == image.class_ids[row] else Kind.CONFUSION
            verdicts[row] = Verdict(about if overlaps[most] >= 0.1 else Kind.BACKGROUND, most, overlaps[most])
    return verdicts


@settings(max_examples=300)
@given(image_lists())
def test_verdicts_are_those_of_plain_loops(images: list[Detections]) -> None:
    verdicts = find_verdicts(images)
    expected = [slowly(image) for image in images]
    assert len(verdicts.row) == sum(map(len, expected))
    for at in range(len(verdicts.row)):
        number, row = int(verdicts.image[at]), int(verdicts.row[at])
        image, (kind, nearest, iou) = images[number], expected[number][row]
        assert (verdicts.class_ids[at], verdicts.scores[at]) == (image.class_ids[row], image.scores[row])
        assert (Kind(int(verdicts.kind[at])), verdicts.nearest[at]) == (kind, nearest)
        assert verdicts.iou[at] == pytest.approx(iou, abs=1e-6)


@settings(max_examples=100)
@given(image_lists())
def test_objects_have_the_score_that_finds_them(images: list[Detections]) -> None:
    verdicts = find_verdicts(images)
    assert len(verdicts.true_row) == sum(len(image.true_ids) for image in images)
    for at, (number, row) in enumerate(zip(verdicts.true_image, verdicts.true_row, strict=True)):
        image = images[number]
        hits = [n for n, one in slowly(image).items() if one.kind == Kind.RIGHT and one.nearest == row]
        assert verdicts.found_at[at] == (image.scores[hits[0]] if hits else -1)
        assert (verdicts.true_ids[at], verdicts.difficult[at]) == (image.true_ids[row], image.difficult[row])
        width, height = np.diff(image.true_boxes[row].reshape(2, 2), axis=0)[0]
        assert verdicts.side[at] == pytest.approx((width * height) ** 0.5)


@settings(max_examples=100)
@given(image_lists())
def test_curves_from_verdicts_are_those_of_the_scores(images: list[Detections]) -> None:
    verdicts = find_verdicts(images)
    for class_id in range(CLASSES):
        judged, expected = verdicts.judged(class_id), precision_recall(images, class_id)
        assert (expected is None) == (judged.objects == 0)
        if expected is not None:
            np.testing.assert_array_equal(running(judged)[1:], expected)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ((BOX, 0, 0.9), Kind.RIGHT),
        ((BESIDE, 0, 0.9), Kind.LOCALIZATION),
        ((BOX, 1, 0.9), Kind.CONFUSION),
        ((BESIDE, 1, 0.9), Kind.CONFUSION),
        ((FAR, 0, 0.9), Kind.BACKGROUND),
    ],
)
def test_kinds(found: tuple[tuple[int, int, int, int], int, float], kind: Kind) -> None:
    assert find_verdicts([detected([found], [(BOX, 0)])]).kind.tolist() == [kind]


def test_a_second_detection_of_an_object_is_a_duplicate() -> None:
    verdicts = find_verdicts([detected([(BOX, 0, 0.5), (BOX, 0, 0.9)], [(BOX, 0)])])
    assert dict(zip(verdicts.row.tolist(), verdicts.kind.tolist(), strict=True)) == {
        0: Kind.DUPLICATE,
        1: Kind.RIGHT,
    }
    assert verdicts.found_at.tolist() == pytest.approx([0.9])


def test_a_smaller_overlap_may_do() -> None:
    one = [detected([(BESIDE, 0, 0.9)], [(BOX, 0)])]
    assert find_verdicts(one, min_iou=0.4).kind.tolist() == [Kind.RIGHT]


def test_the_surest_errors_and_the_largest_misses_come_first() -> None:
    images = [
        detected([(FAR, 0, 0.6), (BOX, 0, 0.3)], [(BOX, 0), (BESIDE, 1)]),
        detected([(FAR, 0, 0.8), (FAR, 1, 0.2)], [((0, 0, 90, 90), 1), (BOX, 2)], [False, True]),
    ]
    verdicts = find_verdicts(images)
    surest = verdicts.surest(Kind.BACKGROUND, 5, 0.4)
    assert [int(verdicts.image[n]) for n in surest] == [1, 0]
    assert verdicts.scores[surest].tolist() == pytest.approx([0.8, 0.6])
    assert verdicts.surest(Kind.BACKGROUND, 1, 0.4) == surest[:1] and verdicts.surest(Kind.CONFUSION, 5, 0.4) == []
    missed = verdicts.largest_missed(9, 0.4)  # one was found, but by a score of 0.3; the difficult one is not missed
    assert [(verdicts.true_image[n], verdicts.true_row[n]) for n in missed] == [(1, 0), (0, 0), (0, 1)]
    assert len(verdicts.largest_missed(9, 0.3)) == 2


def test_of_equal_ones_the_first_come_first() -> None:
    images = [detected([(FAR, 0, 0.5)], [(BOX, 1)]) for _ in range(50)]
    images[30] = detected([(FAR, 0, 0.75)], [((0, 0, 90, 90), 1)])
    verdicts = find_verdicts(images)
    first = [30, *range(30), *range(31, 50)]
    assert verdicts.surest(Kind.BACKGROUND, 40, 0.4) == verdicts.largest_missed(40, 0.4) == first[:40]


@pytest.mark.parametrize("images", [[], [detected([], [])], [detected([], []), detected([], [])]])
def test_nothing_has_no_verdict(images: list[Detections]) -> None:
    verdicts = find_verdicts(images)
    assert not len(verdicts.kind) and not len(verdicts.difficult)
    assert all(verdicts.surest(kind, 5, 0) == [] for kind in WRONG) and verdicts.largest_missed(5, 0.5) == []
