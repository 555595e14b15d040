"""Coverage and matching against plain loops in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from dali_ssd.anchors import network_anchors
from dali_ssd.boxes import center_to_corner, iou
from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from dali_ssd.inspection.contents import BOX, CLASS
from dali_ssd.inspection.matching import Views, augmented_views, best_iou, match, stored_views
from tests.support.inspection import contents_of, random_objects, varied_shard

ANCHORS = network_anchors("mobilenet0.25", 128)


def positives_of(table: npt.NDArray[np.float64], threshold: float) -> npt.NDArray[np.int64]:
    """How many anchors each box gets (SSD paper, section 2.2), from IoUs (boxes, anchors) without equal ones."""
    owner = np.where(table.max(axis=0) >= threshold, table.argmax(axis=0), -1)
    rest = table.copy()
    for _ in range(len(table)):
        box, anchor = np.unravel_index(rest.argmax(), rest.shape)
        owner[anchor] = box
        rest[box], rest[:, anchor] = -1, -1
    return np.array([(owner == box).sum() for box in range(len(table))])


def test_coverage_is_that_of_a_plain_table() -> None:
    objects = random_objects(np.random.default_rng(0), 500, 128)
    found, where = best_iou(objects, ANCHORS)
    table = iou(objects[:, BOX].astype(np.float64), center_to_corner(ANCHORS.astype(np.float64)))
    np.testing.assert_allclose(found, table.max(axis=1), atol=1e-6)
    np.testing.assert_allclose(table[np.arange(500), where], table.max(axis=1), atol=1e-6)


def test_a_box_that_no_anchor_overlaps_has_none() -> None:
    found, where = best_iou(np.array([[500, 500, 600, 600, 0]], np.float32), ANCHORS)
    assert (found.tolist(), where.tolist()) == ([0], [-1])
    assert len(best_iou(np.zeros((0, 5), np.float32), ANCHORS)[0]) == 0


@pytest.mark.parametrize("seed", range(3))
def test_each_object_gets_as_many_anchors_as_in_a_plain_matching(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # No two anchors alike, since equal IoUs are decided by rules of their own, which the kernel's tests hold.
    anchors = np.column_stack([rng.uniform(0, 128, (300, 2)), rng.uniform(8, 90, (300, 2))]).astype(np.float32)
    parts = [random_objects(rng, count, 128) for count in (5, 0, 1, 9)]
    views = Views(np.concatenate(parts), np.cumsum([0, *map(len, parts)]))
    found = match(views, anchors, TargetConfig(), "boxes")
    for rows, part in zip(np.split(np.arange(15), [5, 5, 6]), parts, strict=True):
        if len(part):
            table = iou(part[:, BOX].astype(np.float64), center_to_corner(anchors.astype(np.float64)))
            np.testing.assert_array_equal(found.positives[rows], positives_of(table, 0.5))
            np.testing.assert_array_equal(found.covered[rows], table.max(axis=1) >= 0.5)
    np.testing.assert_array_equal(found.forced, (found.iou < 0.5) & (found.positives <= 1))


def test_stored_views_are_the_records_objects(tmp_path: Path) -> None:
    contents = contents_of(varied_shard(tmp_path))
    views = stored_views(contents, np.array([3, 7]))
    own = [contents.objects[contents.starts[row] : contents.starts[row + 1]] for row in (3, 7)]
    np.testing.assert_array_equal(views.objects, np.concatenate(own))
    assert np.diff(views.starts).tolist() == [len(one) for one in own]


def test_augmented_views_depend_on_the_seed_alone(tmp_path: Path) -> None:
    contents, image = contents_of(varied_shard(tmp_path)), RenderConfig()
    chosen = np.arange(len(contents))

    def views(seed: int, augment: AugmentConfig | None = None) -> Views:
        return augmented_views(contents, chosen, 3, augment or AugmentConfig(), image, "fraction", seed)

    first, again, other = views(1), views(1), views(2)
    np.testing.assert_array_equal(first.objects, again.objects)
    assert not np.array_equal(first.objects, other.objects)
    assert len(first.starts) == 3 * len(contents) + 1
    boxes = first.objects[:, BOX]
    assert (boxes >= 0).all() and (boxes <= 300.001).all() and (first.objects[:, CLASS] >= 0).all()


def test_without_augmentation_views_are_the_images_as_stored(tmp_path: Path) -> None:
    contents = contents_of(varied_shard(tmp_path))
    none = AugmentConfig(expand_probability=0, mirror_probability=0, crop_min_iou=())
    chosen = np.arange(len(contents))
    views = augmented_views(contents, chosen, 1, none, RenderConfig(), "fraction", 0)
    # An image without objects is cropped all the same, which shows none.
    np.testing.assert_allclose(views.objects, contents.objects[:, :5], atol=1e-4)
