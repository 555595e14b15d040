"""The pipelines on a GPU with the plugin, as loaders have them, against the kernels on the CPU.

The plan is drawn on the host in both cases, from the same seeds: the same views, colors and boxes. These need no MXNet.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dali_ssd.config import INTERPOLATIONS, AugmentConfig, RenderConfig, TargetConfig
from tests.gpu.conftest import COUNT
from tests.support.pipes import Dtype, Layout, Targets, train_pipeline, val_pipeline
from tests.support.shards import as_shard
from tests.support.twins import LEVEL, NVJPEG, WITH_PLUGIN, both, share_beyond

pytestmark = pytest.mark.usefixtures("plugin")


@pytest.mark.parametrize(("layout", "dtype"), [("NCHW", "float32"), ("NHWC", "float16")])
@pytest.mark.parametrize("size", [64, 224], ids=["shrunk by area", "enlarged by cubic"])
def test_validation_is_the_cpus_row_for_row(jpegs: Path, size: int, layout: Layout, dtype: Dtype) -> None:
    image = RenderConfig(data_shape=size, layout=layout, dtype=dtype)
    (images, labels, _), (on_gpu, same, _) = both(val_pipeline, as_shard([jpegs]), COUNT, WITH_PLUGIN, image=image)
    for first, second in zip(images, on_gpu, strict=True):
        assert share_beyond(NVJPEG, first, second) == 0
    np.testing.assert_array_equal(labels, same)


@pytest.mark.parametrize("expand", [0, 1], ids=["image alone", "on a canvas"])
@pytest.mark.parametrize("kind", INTERPOLATIONS)
def test_training_images_are_the_cpus(pngs: Path, kind: str, expand: int) -> None:
    """Beside the canvas too, with area, and with `nearest` where a pixel is between two."""
    augment = AugmentConfig(expand_probability=expand, interpolations=(kind,))
    (images, *_), (on_gpu, *_) = both(train_pipeline, as_shard([pngs]), COUNT, WITH_PLUGIN, augment=augment)
    for first, second in zip(images, on_gpu, strict=True):
        assert share_beyond(LEVEL, first, second) == 0


def test_training_images_of_nvjpeg_are_the_cpus_but_for_its_rounding(jpegs: Path) -> None:
    """All filters but `nearest`, whose ties would hide the rounding."""
    augment = AugmentConfig(interpolations=("linear", "cubic", "area", "lanczos"))
    (images, *_), (on_gpu, *_) = both(train_pipeline, as_shard([jpegs]), COUNT, WITH_PLUGIN, augment=augment)
    for first, second in zip(images, on_gpu, strict=True):
        assert share_beyond(NVJPEG, first, second) <= 0.001


@pytest.mark.parametrize("targets", ["exact", "box_encoder"])
def test_targets_are_the_cpus(pngs: Path, targets: Targets) -> None:
    config, tolerance = TargetConfig(targets=targets), 1e-5 if targets == "exact" else 1e-4
    (_, classes, offsets, _), (_, same, near, _) = both(
        train_pipeline, as_shard([pngs]), COUNT, WITH_PLUGIN, targets=config
    )
    np.testing.assert_array_equal(classes, same)
    np.testing.assert_allclose(offsets, near, rtol=tolerance, atol=tolerance)
    assert np.any(classes)


def test_outputs_are_on_the_device(pngs: Path) -> None:
    outputs = train_pipeline(as_shard([pngs]), COUNT, where=WITH_PLUGIN).run()
    assert [type(output).__name__ for output in outputs] == ["TensorListGPU"] * 3 + ["TensorListCPU"]
    assert [output.layout() for output in outputs[:1]] == ["CHW"]
