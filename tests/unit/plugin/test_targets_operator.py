"""The CPU backend of `ssd_targets` against brute force and against the CPU's kernel."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nvidia.dali import pipeline_def

from dali_ssd.anchors import vgg_anchors
from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from dali_ssd.graph.plan import draw_training_plan
from dali_ssd.graph.source import image_shapes, read
from dali_ssd.graph.targets import encode
from dali_ssd.graph.where import Where
from dali_ssd.records.dataset import open_dataset
from tests.support import oracle
from tests.support.pipes import ANCHORS, arrays
from tests.support.plugin_ops import encoded, fed, operators, target_options, target_pipeline
from tests.support.shards import as_shard

pytestmark = [pytest.mark.plugin, pytest.mark.usefixtures("plugin")]

Floats = npt.NDArray[np.float32]
TIMES = 10
"""How often each image of the real data is augmented."""


@cache
def pipeline_for(threshold: float) -> Any:
    return target_pipeline(target_options(ANCHORS, iou_threshold=threshold))


@st.composite
def objects(draw: st.DrawFn, *, most: int = 12) -> Floats:
    """Objects `(m, 5)` in a picture of 64 pixels; whole numbers now and then, so that IoUs tie, and then empty rows."""
    number = st.integers(0, 60) if draw(st.booleans()) else st.floats(0, 60, width=32)
    side = st.integers(1, 40) if draw(st.booleans()) else st.floats(0.5, 40, width=32)
    rows = draw(st.lists(st.tuples(number, number, side, side, st.integers(0, 79)), max_size=most))
    array = np.array(rows, np.float32).reshape(-1, 5)
    array[:, 2:4] = np.minimum(array[:, :2] + array[:, 2:4], np.float32(64))
    return np.concatenate([array, np.full((draw(st.integers(0, 3)), 5), -1, np.float32)])


@settings(max_examples=300)
@given(batch=st.lists(objects(), min_size=1, max_size=5), threshold=st.sampled_from([0.5, 0.3, 0.9, 1.0]))
def test_any_objects_equal_brute_force(batch: list[Floats], threshold: float) -> None:
    for given_objects, (classes, offsets) in zip(batch, encoded(pipeline_for(threshold), batch), strict=True):
        real = given_objects[given_objects[:, 4] >= 0]
        wanted_classes, wanted_offsets = oracle.targets(real[:, :4], real[:, 4], ANCHORS, threshold)
        np.testing.assert_array_equal(classes, wanted_classes)
        np.testing.assert_allclose(offsets, wanted_offsets, rtol=1e-4, atol=1e-4)


def test_no_objects() -> None:
    for classes, offsets in encoded(pipeline_for(0.5), [np.zeros((0, 5), np.float32), np.full((3, 5), -1, np.float32)]):
        assert not classes.any() and not offsets.any()


@pytest.mark.parametrize("size", [300, 512])
@pytest.mark.parametrize("data", ["bccd", "photos"])
def test_real_data(real_shards: Callable[[str], Path], data: str, size: int) -> None:
    """All images of a set, augmented ten times, with the anchors of GluonCV's networks: no class differs."""
    shard = real_shards(data)
    records = as_shard([shard])
    anchors = vgg_anchors(size)

    @pipeline_def(batch_size=32, num_threads=2, device_id=None, seed=size)
    def define() -> Any:
        jpegs, labels = read(records, shuffle=True, initial_fill=64)
        shapes = image_shapes(jpegs, upright=False)
        plans, _, drawn = draw_training_plan(labels, shapes, AugmentConfig(), RenderConfig(data_shape=size))
        by_kernel = encode(drawn, plans, anchors, TargetConfig(), size, where=Where())
        return drawn, *by_kernel, *operators.ssd_targets(drawn, **target_options(anchors))

    pipeline = define()
    pipeline.build()
    images = TIMES * len(open_dataset([str(shard)]))
    seen = 0
    for _ in range(-(-images // 32)):
        drawn, wanted_classes, wanted_offsets, classes, offsets = (arrays(output) for output in pipeline.run())
        np.testing.assert_array_equal(classes, wanted_classes)
        np.testing.assert_allclose(offsets, wanted_offsets, atol=1e-5, rtol=1e-5)
        seen += sum(int((part[:, 4] >= 0).sum()) for part in drawn)
    assert seen > images / 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:, :4], "objects of sample 0 have 4 columns instead of 5"),
        (lambda rows: rows.astype(np.float64), "objects must be float32 with 2 dimensions"),
        (lambda rows: rows.ravel(), "objects must be float32 with 2 dimensions"),
    ],
)
def test_what_are_no_objects_is_refused(change: Any, message: str) -> None:
    pipeline = target_pipeline(target_options(ANCHORS))  # one of its own: it cannot be used after the error
    with pytest.raises(RuntimeError, match=message):
        fed(pipeline, objects=[change(np.ones((2, 5), np.float32))])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stds": [0.1]}, "stds has 1 numbers instead of 4"),
        ({"centers": [1.0, 2.0]}, "are not those of dali_ssd.kernels.targets.anchor_tables"),
        ({"centers": []}, "are not those of dali_ssd.kernels.targets.anchor_tables"),
        ({"bounds": [1.0] * 4}, "are not those of dali_ssd.kernels.targets.anchor_tables"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises((RuntimeError, ValueError), match=message):
        target_pipeline(target_options(ANCHORS, **options))
