"""VOC07 average precision against GluonCV's own metric, to the bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.voc import voc07_scores

VOC07MApMetric = pytest.importorskip("gluoncv.utils.metrics.voc_detection").VOC07MApMetric
CLASSES = 2


def boxes_near(true: NDArray[np.float32], count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Boxes of which most overlap a true one more or less."""
    if not len(true):
        return random_boxes(count, rng)
    picked = true[rng.integers(0, len(true), count)]
    return np.sort((picked + rng.normal(0, 6, (count, 4))).reshape(count, 2, 2), axis=1).reshape(count, 4).astype("f4")


def random_boxes(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    return np.sort(rng.uniform(0, 100, (count, 2, 2)), axis=1).reshape(count, 4).astype(np.float32)


def image(rng: np.random.Generator, ties: bool) -> Detections:
    found, there = int(rng.integers(0, 8)), int(rng.integers(0, 5))
    true_boxes = random_boxes(there, rng)
    scores = rng.integers(0, 3, found) / 2 if ties else rng.uniform(0, 1, found)
    return Detections(
        boxes_near(true_boxes, found, rng),
        rng.integers(0, CLASSES, found).astype(np.int32),
        scores.astype(np.float32),
        true_boxes,
        rng.integers(0, CLASSES, there).astype(np.int32),
        rng.uniform(size=there) < 0.2,
    )


def by_gluoncv(images: list[Detections]) -> list[float]:
    metric = VOC07MApMetric(iou_thresh=0.5, class_names=[str(number) for number in range(CLASSES)])
    for one in images:
        arrays = (one.boxes, one.class_ids, one.scores, one.true_boxes, one.true_ids, one.difficult)
        metric.update(*(array[None] for array in arrays))
    return [float(value) for value in metric.get()[1][:CLASSES]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.booleans())
def test_it_is_gluoncvs(seed: int, count: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    images = [image(rng, ties) for _ in range(count)]
    if not any((~one.difficult).any() for one in images):
        assert all(map(math.isnan, voc07_scores(images, CLASSES)))  # GluonCV's has no mean then, and raises
        return
    np.testing.assert_array_equal(voc07_scores(images, CLASSES), by_gluoncv(images))


def test_most_examples_have_hits_and_misses() -> None:
    """The comparison above says nothing if nothing is ever found, or everything."""
    rng = np.random.default_rng(0)
    values = np.array([voc07_scores([image(rng, False) for _ in range(4)], CLASSES) for _ in range(50)])
    assert 0.1 < np.nanmean(values) < 0.9
    assert np.isnan(values).any()
