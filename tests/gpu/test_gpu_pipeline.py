"""The pipelines with `device="gpu"` against the same on the CPU. DALI's tensors throughout: these need no MXNet.

The plan is drawn on the host in both cases, from the same seeds, so that the pictures are the same but for nvJPEG's
rounding, for the outermost pixels beside the canvas and for `area` (see `dali_ssd.graph.render_ops`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("nvidia.dali")

from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from dali_ssd.graph.source import ReaderSlice
from tests.support.cases import FULL_RANGE
from tests.support.pipes import ANCHORS, Dtype, Layout, Targets, arrays, train_pipeline, val_pipeline
from tests.support.shards import as_shard, draw, encoded, random_record, write

COUNT = 16
TOLERANCE = 4 * FULL_RANGE / 255
"""Four of 255 levels: nvJPEG and libjpeg-turbo round differently, and strong contrast makes it half as much again."""


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> ReaderSlice:
    """JPEGs without color subsampling, whose decoders differ by a level or two."""
    rng = np.random.default_rng(0)
    folder: Path = tmp_path_factory.mktemp("shards")
    records = []
    for _ in range(COUNT):
        label, _ = random_record(rng)
        height, width = (int(side) for side in rng.integers(80, 200, 2))
        records.append((label, encoded(draw(rng, height, width), "JPEG", quality=95, subsampling=0)))
    return as_shard(write(folder, records))


def both(build: Any, shard: ReaderSlice, **options: Any) -> tuple[list[Any], list[Any]]:
    """The outputs of one batch on the CPU and on the GPU, all on the host."""
    cpu, gpu = (
        [arrays(out) for out in build(shard, COUNT, device=device, **options).run()] for device in ("cpu", "gpu")
    )
    assert [place.tobytes() for place in cpu[-1]] == [place.tobytes() for place in gpu[-1]]
    return cpu, gpu


def shares_that_differ(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    return float((np.abs(first.astype(np.float64) - second.astype(np.float64)) > TOLERANCE).mean())


@pytest.mark.parametrize(("layout", "dtype"), [("NCHW", "float32"), ("NHWC", "float16")])
def test_validation(shard: ReaderSlice, layout: Layout, dtype: Dtype) -> None:
    """Of images that are enlarged: to shrink, the filter would be area."""
    image = RenderConfig(data_shape=224, layout=layout, dtype=dtype)
    (images, labels, _), (gpu_images, gpu_labels, _) = both(val_pipeline, shard, image=image)
    for first, second in zip(images, gpu_images, strict=True):
        assert first.shape == second.shape and first.dtype == second.dtype
        assert shares_that_differ(first, second) == 0
    np.testing.assert_array_equal(labels, gpu_labels)


def test_validation_of_shrunk_images(shard: ReaderSlice) -> None:
    """The device's triangle blurs more than area, about the same mean."""
    (images, *_), (gpu_images, *_) = both(val_pipeline, shard, image=RenderConfig(data_shape=64))
    for first, second in zip(images, gpu_images, strict=True):
        np.testing.assert_allclose(first.mean(), second.mean(), atol=0.1)


@pytest.mark.parametrize("kind", ["nearest", "linear", "cubic", "lanczos"])
def test_training_without_canvas(shard: ReaderSlice, kind: str) -> None:
    """With `nearest`, a pixel between two may go to either side."""
    augment = AugmentConfig(expand_probability=0, interpolations=(kind,))
    (images, *_), (gpu_images, *_) = both(train_pipeline, shard, augment=augment)
    for first, second in zip(images, gpu_images, strict=True):
        assert shares_that_differ(first, second) <= (0.02 if kind == "nearest" else 0.001)


def test_training_on_a_canvas(shard: ReaderSlice) -> None:
    """Beside the canvas, as far as the filter reaches, the device does not blend."""
    (images, *_), (gpu_images, *_) = both(train_pipeline, shard, augment=AugmentConfig(expand_probability=1))
    shares = [shares_that_differ(first, second) for first, second in zip(images, gpu_images, strict=True)]
    assert np.median(shares) <= 0.05
    for first, second in zip(images, gpu_images, strict=True):
        np.testing.assert_allclose(first.mean(), second.mean(), atol=0.1)


@pytest.mark.parametrize("targets", ["exact", "box_encoder"])
def test_targets_are_the_same(shard: ReaderSlice, targets: Targets) -> None:
    config = TargetConfig(targets=targets)
    (_, classes, offsets, _), (_, gpu_classes, gpu_offsets, _) = both(train_pipeline, shard, targets=config)
    np.testing.assert_array_equal(classes, gpu_classes)
    np.testing.assert_allclose(offsets, gpu_offsets, rtol=1e-4, atol=1e-4)
    assert np.any(classes)


def test_outputs_are_on_the_device(shard: ReaderSlice) -> None:
    images, classes, offsets, places = train_pipeline(shard, COUNT, device="gpu", anchors=ANCHORS).run()
    kinds = [type(output).__name__ for output in (images, classes, offsets, places)]
    assert kinds == ["TensorListGPU"] * 3 + ["TensorListCPU"]
