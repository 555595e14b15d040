from __future__ import annotations

import math

import numpy as np
import pytest

from dali_ssd.boxes import center_to_corner, iou
from dali_ssd.config import TargetConfig
from dali_ssd.inspection.contents import BOX, CLASS
from dali_ssd.inspection.groups import LARGE, SMALL, class_facts, layer_facts, size_groups
from dali_ssd.inspection.matching import Matches, Views, match
from dali_ssd.inspection.network import find_network
from tests.support.inspection import contents_of, random_objects
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
