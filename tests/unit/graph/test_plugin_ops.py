"""The plugin's operators in the pipelines, on the CPU: what the kernels give, for the options of recipes.

The arithmetic has tests of its own beside the plugin; here it is that images, plans and options reach it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from dali_ssd.graph.source import ReaderSlice
from dali_ssd.graph.where import Where
from pipelines import ssd
from tests.support.cases import FULL_RANGE
from tests.support.own_plugin import load_plugin_or_skip
from tests.support.pipes import ANCHORS, Dtype, Layout, arrays, train_pipeline, val_pipeline
from tests.support.shards import as_shard, write_random

pytestmark = [pytest.mark.slow, pytest.mark.plugin]

COUNT = 12
TWIN = Where("cpu", plugin=True)
TOLERANCE = FULL_RANGE / 255


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    load_plugin_or_skip()


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> ReaderSlice:
    folder: Path = tmp_path_factory.mktemp("shards")
    return as_shard(write_random(folder, COUNT))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_training(shard: ReaderSlice, layout: Layout, dtype: Dtype) -> None:
    image = RenderConfig(data_shape=64, layout=layout, dtype=dtype, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    targets = TargetConfig(iou_threshold=0.3, stds=(0.3, 0.4, 0.5, 0.6))
    pipelines = [train_pipeline(shard, COUNT, image=image, targets=targets, where=where) for where in (Where(), TWIN)]
    for _ in range(3):
        ours, theirs = ([*pipeline.run()] for pipeline in pipelines)
        assert ours[0].layout() == theirs[0].layout() == layout[1:]
        assert [tensors.dtype for tensors in ours] == [tensors.dtype for tensors in theirs]
        images, classes, offsets, places = map(arrays, ours)
        twins, same, near, records = map(arrays, theirs)
        for one, other in zip(images, twins, strict=True):
            np.testing.assert_allclose(one.astype(np.float64), other, rtol=0, atol=TOLERANCE)
        np.testing.assert_array_equal(classes, same)
        np.testing.assert_allclose(offsets, near, rtol=0, atol=1e-5)
        assert np.any(classes)
        assert [place.tobytes() for place in places] == [record.tobytes() for record in records]


def test_validation(shard: ReaderSlice) -> None:
    (images, labels, _), (twins, same, _) = (
        [arrays(out) for out in val_pipeline(shard, COUNT, where=where).run()] for where in (Where(), TWIN)
    )
    for one, other in zip(images, twins, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(labels, same)


def test_a_checkpoint_goes_on_to_the_bit(shard: ReaderSlice) -> None:
    """The operators have no state of their own."""

    def pipeline(checkpoint: bytes | None = None) -> Any:
        parts = (ANCHORS, AugmentConfig(), RenderConfig(data_shape=64), TargetConfig())
        options = {"initial_fill": 4, "upright": False, "unit": "fraction", "where": TWIN, "seed": 7}
        built = ssd.train(
            *(shard, *parts),
            **options,
            **{"batch_size": 5, "num_threads": 2, "device_id": None, "enable_checkpointing": True},
            checkpoint=checkpoint,
        )
        built.build()
        return built

    def batches(running: Any) -> list[bytes]:
        return [array.tobytes() for _ in range(3) for output in running.run() for array in arrays(output)]

    first = pipeline()
    batches(first)
    checkpoint = first.checkpoint()
    assert batches(pipeline(checkpoint)) == batches(first)
