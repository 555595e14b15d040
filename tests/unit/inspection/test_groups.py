from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from dali_ssd.boxes import center_to_corner, iou
from dali_ssd.config import TargetConfig
from dali_ssd.inspection.contents import BOX, CLASS
from dali_ssd.inspection.groups import (
    LARGE,
    SMALL,
    box_facts,
    class_facts,
    coverage,
    image_facts,
    layer_facts,
    size_groups,
)
from dali_ssd.inspection.matching import Matches, Views, match
from dali_ssd.inspection.network import find_network
from dali_ssd.inspection.report import Coverage
from tests.support.inspection import contents_of, random_objects
from tests.support.made_up import made_up_contents
from tests.support.records import Write, record, write

__all__ = ["write"]

NETWORK = find_network("mobilenet0.25", 128)


@pytest.fixture(scope="module")
def matches() -> Matches:
    objects = random_objects(np.random.default_rng(0), 300, 128)
    return match(Views(objects, np.arange(0, 301, 3)), NETWORK.anchors, TargetConfig(), "boxes")


def test_sizes_divide_the_objects(matches: Matches) -> None:
    *sizes, every = size_groups(matches, matches)
    sides = np.sqrt(np.prod(matches.objects[:, 2:4].astype(float) - matches.objects[:, :2], axis=1))
    parts = [sides < SMALL, (sides >= SMALL) & (sides < LARGE), sides >= LARGE]
    assert [one.before.objects for one in sizes] == [part.sum() for part in parts]
    table = iou(matches.objects[:, BOX].astype(float), center_to_corner(NETWORK.anchors.astype(float))).max(axis=1)
    for one, part in zip(sizes, parts, strict=True):
        np.testing.assert_allclose(one.after.covered, (table[part] >= 0.5).mean() if part.any() else math.nan)
    np.testing.assert_allclose(every.before.covered, (table >= 0.5).mean())


def test_every_object_has_one_layer(matches: Matches) -> None:
    layers = layer_facts(NETWORK, matches, matches)
    assert sum(one.anchors for one in layers) == len(NETWORK.anchors)
    np.testing.assert_allclose(sum(one.before for one in layers), 1)
    covered = sum(one.before * one.covered for one in layers if one.before)
    np.testing.assert_allclose(covered, matches.covered.mean())


def test_classes_are_counted_by_images_and_objects(write: Write) -> None:
    labels = [record([(0.1, 0.1, 0.5, 0.5)] * 3, [7, 7, 0]), record([(0.2, 0.1, 0.5, 0.5)], [7]), record([])]
    contents = contents_of(write(labels))
    views = Views(contents.objects, contents.starts)
    found = match(views, NETWORK.anchors, TargetConfig(), "boxes")
    classes = class_facts(contents, ["a", "b"], found, found)
    assert [(one.id, one.name, one.images, one.objects) for one in classes] == [
        (0, "a", 1, 1),
        (1, "b", 0, 0),
        (7, "class 7", 2, 3),
    ]
    assert math.isnan(classes[1].before.covered) and classes[2].after.objects == 3


def test_ids_far_apart_take_no_memory(write: Write) -> None:
    contents = contents_of(write([record(ids=[2**24]), record(ids=[0])]))
    found = match(Views(contents.objects, contents.starts), NETWORK.anchors, TargetConfig(), "boxes")
    assert [one.id for one in class_facts(contents, (), found, found)] == [0, 2**24]
    assert found.objects[:, CLASS].tolist() == [2**24, 0]


def made_up(objects: Sequence[Sequence[float]], iou: Sequence[float], positives: Sequence[int],
            anchor: Sequence[int] | None = None) -> Matches:  # fmt: skip
    """Matches of objects, each with the IoU and the number of its anchors."""
    anchors = np.zeros(len(iou)) if anchor is None else anchor
    return Matches(
        np.array(objects, np.float32).reshape(-1, 5), np.array(iou, np.float32), np.array(anchors, np.int32),
        np.array(positives, np.int64), 0.5,
    )  # fmt: skip


SQUARE = (0, 0, 50, 50)
BEFORE = made_up([(*SQUARE, 0)] * 5, [0.5, 0.9, 0.4, 0.3, 0.2], [3, 40, 2, 1, 0])
"""Of five objects two are covered, one has two anchors that fit badly, one a single one, and one none."""
AFTER = made_up([(*SQUARE, 0)] * 4, [0.6, 0.1, 0.2, 0.3], [7, 1, 1, 0])


def test_coverage_counts_each_kind_of_object() -> None:
    found = coverage(BEFORE, np.ones(5, bool))
    assert found == Coverage(5, covered=2 / 5, forced=2 / 5, untrained=1 / 5, positives=2)
    assert coverage(BEFORE, np.array([1, 1, 1, 0, 0], bool)) == Coverage(3, 2 / 3, 0, 0, 3)
    assert coverage(AFTER, np.ones(4, bool)) == Coverage(4, covered=1 / 4, forced=3 / 4, untrained=1 / 4, positives=1)


def test_a_group_has_what_is_stored_before_what_is_augmented() -> None:
    every = size_groups(BEFORE, AFTER)[-1]
    assert (every.before, every.after) == (coverage(BEFORE, np.ones(5, bool)), coverage(AFTER, np.ones(4, bool)))


def test_the_limits_of_sizes_belong_to_the_larger() -> None:
    boxes = [(0, 0, side, side, 0) for side in (31, 32, 95, 96, 97, 200)]
    found = size_groups(made_up(boxes, [1] * 6, [1] * 6), AFTER)
    assert [one.before.objects for one in found] == [1, 2, 3, 6]
    long = made_up([(0, 0, 8, 100, 0), (0, 0, 100, 40, 0)], [1, 1], [1, 1])  # sides of 28 and 63
    assert [one.before.objects for one in size_groups(long, AFTER)] == [1, 1, 0, 2]


def test_the_facts_of_a_class_are_of_its_own_objects() -> None:
    box = (10, 20, 60, 90)
    contents = made_up_contents([[(*box, 2, 1), (*box, 2), (*box, 0, 1)], [(*box, 2, 1)], []])
    before = made_up([(*SQUARE, one) for one in (2, 2, 2, 0)], [0.9, 0.9, 0.1, 0.2], [5, 9, 1, 1])
    after = made_up([(*SQUARE, one) for one in (0, 2, 0)], [0.9, 0.1, 0.1], [4, 0, 1])
    first, second = class_facts(contents, (), before, after)
    assert (first.id, first.images, first.objects, first.difficult) == (0, 1, 1, 1)
    assert (second.id, second.images, second.objects, second.difficult) == (2, 2, 3, 2)
    assert first.before == Coverage(1, 0, 1, 0, 1) and first.after == Coverage(2, 0.5, 0.5, 0, 2.5)
    assert second.before == Coverage(3, 2 / 3, 1 / 3, 0, 5)
    assert second.after == Coverage(1, 0, 1, 1, 0)


def test_a_layer_has_shares_of_stored_and_of_augmented_objects() -> None:
    first, last = 0, len(NETWORK.anchors) - 1
    before = made_up([(*SQUARE, 0)] * 4, [0.9, 0.1, 0.2, 0.3], [1] * 4, [first, first, first, last])
    after = made_up([(*SQUARE, 0)] * 5, [0.9, 0.9, 0.9, 0.1, 0], [1] * 5, [last, last, last, first, -1])
    found = layer_facts(NETWORK, before, after)
    assert (found[0].before, found[0].after, found[0].covered) == (3 / 4, 1 / 5, 1 / 3)
    assert (found[-1].before, found[-1].after, found[-1].covered) == (1 / 4, 3 / 5, 0)
    assert found[1].before == found[1].after == 0 and math.isnan(found[1].covered)


def test_boxes_are_counted_by_shape() -> None:
    contents = made_up_contents([[(0, 0, 40, 10, 0, 1), (0, 0, 90, 30, 1)], [], [(0, 0, 30, 15, 0)], [], []])
    before = made_up([(0, 0, 40, 10, 0), (0, 0, 90, 30, 1), (0, 0, 30, 15, 0)], [0.9, 0.1, 0.2], [1] * 3)
    found = box_facts(contents, 300, before, 0)
    assert (found.objects, found.difficult, found.empty) == (3, 1, 3)
    assert (found.ratio.least, found.ratio.median, found.ratio.most) == (2, 3, 4)
    assert (found.side.least, found.side.most) == (20, math.sqrt(2700))
    assert (found.per_image.median, found.per_image.most) == (0, 2)
    assert sorted(found.points) == [(30, 15, False), (40, 10, True), (90, 30, False)]
    assert sum(found.ratios.counts[:15]) == 0 and sum(found.ratios.counts) == 3
    assert found.objects_per_image.counts == (3, 1, 1) and found.objects_per_image.edges == (-0.5, 0.5, 1.5, 2.5)


def test_images_are_counted_by_size_and_format() -> None:
    kinds = ["JPEG RGB", "JPEG RGB progressive", "PNG RGB", "JPEG RGB progressive"]
    contents = made_up_contents(
        [[]] * 4, [(300, 200), (100, 400), (500, 250), (120, 130)], kinds, [False, True, False, True]
    )
    contents.progressive[3] = False
    found = image_facts(contents)
    assert found.progressive == 1 / 4
    assert (found.short_side.least, found.short_side.median, found.short_side.most) == (100, 160, 250)
    assert (found.width.least, found.width.most, found.height.least, found.height.most) == (100, 500, 130, 400)
    assert list(found.kinds.items()) == [("JPEG RGB progressive", 2), ("JPEG RGB", 1), ("PNG RGB", 1)]
    assert (found.file_bytes.least, found.file_bytes.most) == (5000, 5003)
    assert sum(found.megapixels.counts) == sum(found.kilobytes.counts) == 4
    assert found.megapixels.edges[0] == pytest.approx(0.0156) and found.kilobytes.edges[0] == 5
