"""The pipelines on a GPU without the plugin: images by DALI's operators, exact targets from the host.

Placement is in whole network pixels there, and a triangle filter takes the place of area (see
`dali_ssd.graph.render_ops`), so that images differ beside the canvas and with area.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from tests.gpu.conftest import COUNT
from tests.support.pipes import Dtype, Layout, Targets, train_pipeline, val_pipeline
from tests.support.shards import as_shard
from tests.support.twins import NVJPEG, WITHOUT, both, share_beyond


@pytest.mark.parametrize(("layout", "dtype"), [("NCHW", "float32"), ("NHWC", "float16")])
def test_validation(jpegs: Path, layout: Layout, dtype: Dtype) -> None:
    """Of images that are enlarged: to shrink, the filter would be area."""
    image = RenderConfig(data_shape=224, layout=layout, dtype=dtype)
    (images, labels, _), (on_gpu, same, _) = both(val_pipeline, as_shard([jpegs]), COUNT, WITHOUT, image=image)
    for first, second in zip(images, on_gpu, strict=True):
        assert share_beyond(NVJPEG, first, second) == 0
    np.testing.assert_array_equal(labels, same)


def test_validation_of_shrunk_images(jpegs: Path) -> None:
    """The device's triangle blurs more than area, about the same mean."""
    (images, *_), (on_gpu, *_) = both(val_pipeline, as_shard([jpegs]), COUNT, WITHOUT)
    for first, second in zip(images, on_gpu, strict=True):
        np.testing.assert_allclose(first.mean(), second.mean(), atol=0.1)


@pytest.mark.parametrize("kind", ["nearest", "linear", "cubic", "lanczos"])
def test_training_without_canvas(jpegs: Path, kind: str) -> None:
    """With `nearest`, a pixel between two may go to either side."""
    augment = AugmentConfig(expand_probability=0, interpolations=(kind,))
    (images, *_), (on_gpu, *_) = both(train_pipeline, as_shard([jpegs]), COUNT, WITHOUT, augment=augment)
    for first, second in zip(images, on_gpu, strict=True):
        assert share_beyond(NVJPEG, first, second) <= (0.02 if kind == "nearest" else 0.001)


def test_training_on_a_canvas(jpegs: Path) -> None:
    """Beside the canvas, as far as the filter reaches, the device does not blend."""
    augment = AugmentConfig(expand_probability=1)
    (images, *_), (on_gpu, *_) = both(train_pipeline, as_shard([jpegs]), COUNT, WITHOUT, augment=augment)
    shares = [share_beyond(NVJPEG, first, second) for first, second in zip(images, on_gpu, strict=True)]
    assert np.median(shares) <= 0.05
    for first, second in zip(images, on_gpu, strict=True):
        np.testing.assert_allclose(first.mean(), second.mean(), atol=0.1)


@pytest.mark.parametrize("targets", ["exact", "box_encoder"])
def test_targets_are_the_same(jpegs: Path, targets: Targets) -> None:
    config = TargetConfig(targets=targets)
    (_, classes, offsets, _), (_, same, near, _) = both(
        train_pipeline, as_shard([jpegs]), COUNT, WITHOUT, targets=config
    )
    np.testing.assert_array_equal(classes, same)
    np.testing.assert_allclose(offsets, near, rtol=1e-4, atol=1e-4)
    assert np.any(classes)


def test_outputs_are_on_the_device(jpegs: Path) -> None:
    outputs = train_pipeline(as_shard([jpegs]), COUNT, where=WITHOUT).run()
    assert [type(output).__name__ for output in outputs] == ["TensorListGPU"] * 3 + ["TensorListCPU"]
