"""What the training plan draws has the distributions of GluonCV's `SSDDefaultTrainTransform`.

Both see the same images, shrunk to 128 pixels, the same number of times. Compared is the Kolmogorov-Smirnov distance of
each quantity: between two samples of 4,000 from one distribution it is below 0.043 in 999 of 1,000 cases.
"""

from __future__ import annotations

import io
from collections import defaultdict
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pytest
from nvidia.dali import pipeline_def
from PIL import Image

from dali_ssd.config import AugmentConfig, RenderConfig
from dali_ssd.graph.plan import draw_training_plan
from dali_ssd.graph.render import render
from dali_ssd.graph.source import ReaderSlice, decode, image_shapes, read, source_info
from dali_ssd.graph.where import Where
from dali_ssd.kernels.plan import WINDOW
from dali_ssd.records.dataset import Dataset, open_dataset
from tests.support.pipes import arrays
from tests.support.shards import as_shard, encoded, write

mx = pytest.importorskip("mxnet")
pytest.importorskip("gluoncv")

SIDE = 128
SIZE = 32
DRAWS = 4096
LIMIT = 0.06
MEANS = ("mean red", "mean green", "mean blue")
QUANTITIES = ("width", "height", "center x", "center y", "count", "crop area", *MEANS)

Draws = dict[str, list[float]]


def small_records(dataset: Dataset) -> list[tuple[npt.NDArray[np.float32], bytes]]:
    """The records with images shrunk to `SIDE` pixels at the longer side, as PNG."""
    found = []
    for i in range(len(dataset)):
        header, payload = dataset.read(i)
        with Image.open(io.BytesIO(payload)) as opened:
            image = opened.convert("RGB")
        image.thumbnail((SIDE, SIDE))
        found.append((header.label, encoded(np.asarray(image))))
    return found


def note(draws: Draws, image: npt.NDArray[np.float32], boxes: npt.NDArray[Any], area: float) -> None:
    """Add what one augmented image `(3, S, S)` and its boxes show."""
    sizes = boxes[:, 2:4] - boxes[:, :2]
    centers = boxes[:, :2] + sizes / 2
    columns = (sizes[:, 0], sizes[:, 1], centers[:, 0], centers[:, 1])
    for name, values in zip(QUANTITIES, columns, strict=False):
        draws[name] += values.tolist()
    draws["count"].append(len(boxes))
    draws["crop area"].append(area)
    for name, value in zip(MEANS, image.mean(axis=(1, 2)), strict=True):
        draws[name].append(float(value))


def ours(shard: ReaderSlice, sizes: dict[int, int]) -> Draws:
    """`DRAWS` images by the steps of the training pipeline; `sizes` are the images' areas by byte offset."""
    image = RenderConfig(data_shape=SIZE)
    augment = AugmentConfig(hue=180)  # GluonCV's own range

    @pipeline_def(batch_size=128, num_threads=2, device_id=None, seed=3)
    def pipeline():  # type: ignore[no-untyped-def]
        jpegs, labels = read(shard, shuffle=True, initial_fill=512)
        plans, regions, objects = draw_training_plan(labels, image_shapes(jpegs, upright=False), augment, image)
        pixels = decode(jpegs, regions, where=Where(), upright=False)
        return render(pixels, plans, regions, image, where=Where()), plans, objects, source_info(jpegs)

    draws: Draws = defaultdict(list)
    running = pipeline()
    for _ in range(DRAWS // 128):
        for picture, plan, objects, place in zip(*(arrays(output) for output in running.run()), strict=True):
            window = plan[WINDOW : WINDOW + 4]
            area = float(np.prod(window[2:] - window[:2])) / sizes[int(place.tobytes().decode().rsplit(" ", 1)[1])]
            note(draws, picture, objects[objects[:, 4] >= 0], area)
    return draws


@numba.njit
def iou_with_crop(boxes, crop):  # type: ignore[no-untyped-def]
    """GluonCV's `bbox_iou` for boxes `(n, 4+)` and one crop `(1, 4)`: its own takes half of this test's time."""
    found = np.empty((boxes.shape[0], 1))
    area = (crop[0, 2] - crop[0, 0]) * (crop[0, 3] - crop[0, 1])
    for i in range(boxes.shape[0]):
        width = min(boxes[i, 2], crop[0, 2]) - max(boxes[i, 0], crop[0, 0])
        height = min(boxes[i, 3], crop[0, 3]) - max(boxes[i, 1], crop[0, 1])
        shared = max(width, 0) * max(height, 0)
        own = (boxes[i, 2] - boxes[i, 0]) * (boxes[i, 3] - boxes[i, 1])
        found[i, 0] = shared / (own + area - shared)
    return found


def test_the_quick_iou_is_gluoncvs() -> None:
    from gluoncv.utils import bbox_iou

    rng = np.random.default_rng(0)
    low = rng.uniform(0, 80, (50, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 40, (50, 2)), rng.integers(0, 3, (50, 1))], axis=1)
    for crop in ([[0, 0, 128, 96]], [[30, 20, 60, 90]], [[100, 80, 110, 81]]):
        np.testing.assert_allclose(iou_with_crop(boxes, np.array(crop)), bbox_iou(boxes, np.array(crop)), rtol=1e-9)


def gluoncvs(records: list[Any], monkeypatch: pytest.MonkeyPatch) -> Draws:
    """`DRAWS` images by GluonCV's transform, whose crop is recorded as it is drawn."""
    import random

    from gluoncv.data.recordio.detection import _transform_label
    from gluoncv.data.transforms import experimental
    from gluoncv.data.transforms.presets.ssd import SSDDefaultTrainTransform

    crops: list[tuple[int, int, int, int]] = []
    draw_crop = experimental.bbox.random_crop_with_constraints

    def recorded(*arguments: Any, **options: Any) -> Any:
        boxes, crop = draw_crop(*arguments, **options)
        crops.append(crop)
        return boxes, crop

    monkeypatch.setattr(experimental.bbox, "random_crop_with_constraints", recorded)
    monkeypatch.setattr(experimental.bbox, "bbox_iou", iou_with_crop)
    random.seed(1)
    np.random.seed(1)
    transform = SSDDefaultTrainTransform(SIZE, SIZE)
    draws: Draws = defaultdict(list)
    images = [mx.image.imdecode(payload) for _, payload in records]
    for number in range(DRAWS):
        image, label = images[number % len(images)], records[number % len(images)][0]
        height, width = image.shape[:2]
        boxes = _transform_label(label, height, width)
        data, boxes = transform(image, boxes[boxes[:, 4] >= 0])
        note(draws, data.asnumpy(), boxes, crops[-1][2] * crops[-1][3] / (height * width))
    return draws


def distance(first: list[float], second: list[float]) -> float:
    """Kolmogorov-Smirnov: the largest difference between the shares of both that lie below any value."""
    a, b = np.sort(first), np.sort(second)
    both = np.concatenate([a, b])
    shares = [np.searchsorted(values, both, side="right") / len(values) for values in (a, b)]
    return float(np.abs(shares[0] - shares[1]).max())


def areas(records: list[Any], shard: ReaderSlice) -> dict[int, int]:
    sides = [Image.open(io.BytesIO(payload)).size for _, payload in records]
    return {int(offset): w * h for offset, (w, h) in zip(open_dataset(shard.paths).offsets, sides, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bccd", "photos"])
def test_distributions_are_gluoncvs(
    real_sets: dict[str, Dataset], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = small_records(real_sets[name])
    shard = as_shard(write(tmp_path, records))
    mine, theirs = ours(shard, areas(records, shard)), gluoncvs(records, monkeypatch)
    distances = {quantity: round(distance(mine[quantity], theirs[quantity]), 3) for quantity in QUANTITIES}
    print(name, distances)
    assert len(mine["count"]) == len(theirs["count"]) == DRAWS
    assert max(distances.values()) <= LIMIT, distances


def test_the_distance_sees_differences() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=4000).tolist()
    assert distance(base, rng.normal(size=4000).tolist()) < 0.04
    assert distance(base, rng.normal(0.2, 1, size=4000).tolist()) > LIMIT
    assert distance(base, rng.normal(0, 1.3, size=4000).tolist()) > LIMIT
