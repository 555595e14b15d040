from __future__ import annotations

import pytest

from dali_ssd.config import RenderConfig
from dali_ssd.loader.scheduling import batches_per_run, many_progressive, pipelines_per_device

ANCHORS = 8732


@pytest.mark.parametrize(
    ("batch_size", "width", "height", "side", "batches"),
    [
        (32, 500, 375, 300, 4),
        (32, 640, 480, 300, 3),
        (32, 1280, 960, 300, 1),
        (32, 500, 375, 512, 1),
        (16, 500, 375, 300, 8),
        (1, 500, 375, 300, 128),
        (256, 500, 375, 300, 1),
        (32, 20000, 20000, 300, 1),
        (32, 0, 0, 64, 4),
    ],
)
def test_small_images_come_in_longer_runs(batch_size: int, width: int, height: int, side: int, batches: int) -> None:
    assert batches_per_run(batch_size, 1, width * height, RenderConfig(data_shape=side), ANCHORS) == batches


@pytest.mark.parametrize(("batch_size", "batches"), [(32, 2), (16, 4), (8, 8), (1, 64)])
def test_pipelines_that_take_turns_share_the_room(batch_size: int, batches: int) -> None:
    assert batches_per_run(batch_size, 2, 500 * 375, RenderConfig(data_shape=300), ANCHORS) == batches


def test_half_precision_takes_half_the_room() -> None:
    single, half = (RenderConfig(data_shape=512, dtype=dtype) for dtype in ("float32", "float16"))
    runs = [batches_per_run(8, 1, 500 * 375, image, ANCHORS) for image in (single, half)]
    assert runs[0] < runs[1]


@pytest.mark.parametrize(
    ("device", "batches", "pipelines"), [("cpu", 11, 1), ("cpu", 12, 2), ("cpu", 0, 1), ("gpu", 99, 1)]
)
def test_pipelines_take_turns_on_a_cpu_where_there_are_many_batches(device: str, batches: int, pipelines: int) -> None:
    assert pipelines_per_device(device, batches) == pipelines


def test_the_decoder_of_progressive_images_is_asked_where_there_are_some() -> None:
    assert [many_progressive(share) for share in (0, 0.01, 0.5, 1)] == [False, False, True, True]
