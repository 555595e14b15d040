from __future__ import annotations

import pytest

from dali_ssd.config import RenderConfig
from dali_ssd.loader.runs import batches_per_run

ANCHORS = 8732


@pytest.mark.parametrize(
    ("batch_size", "width", "height", "side", "batches"),
    [
        (32, 500, 375, 300, 3),
        (32, 640, 480, 300, 3),
        (32, 1280, 960, 300, 1),
        (32, 500, 375, 512, 1),
        (16, 500, 375, 300, 6),
        (1, 500, 375, 300, 96),
        (256, 500, 375, 300, 1),
        (32, 20000, 20000, 300, 1),
        (32, 0, 0, 64, 3),
    ],
)
def test_small_images_come_in_longer_runs(batch_size: int, width: int, height: int, side: int, batches: int) -> None:
    assert batches_per_run(batch_size, width * height, RenderConfig(data_shape=side), ANCHORS) == batches


def test_half_precision_takes_half_the_room() -> None:
    single, half = (RenderConfig(data_shape=512, dtype=dtype) for dtype in ("float32", "float16"))  # type: ignore[arg-type]
    assert batches_per_run(8, 500 * 375, single, ANCHORS) < batches_per_run(8, 500 * 375, half, ANCHORS)
