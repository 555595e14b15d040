"""Validation against GluonCV's `SSDDefaultValTransform`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dali_ssd import ValLoader
from dali_ssd.config import RenderConfig
from dali_ssd.kernels.augment.color import normalization
from dali_ssd.records.dataset import Dataset

mx = pytest.importorskip("mxnet")
gluoncv = pytest.importorskip("gluoncv")

SIZE = 300
COUNT = 24
"""Records of each set; all of their images are larger than the network's input."""
LEVELS = normalization(RenderConfig())[:, :3].max(axis=1).reshape(3, 1, 1)
"""What one of 255 levels of each channel is in the network's input."""


def by_gluoncv(dataset: Dataset, i: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    from gluoncv.data.recordio.detection import _transform_label
    from gluoncv.data.transforms.presets.ssd import SSDDefaultValTransform

    header, payload = dataset.read(i)
    image = mx.image.imdecode(payload)
    label = _transform_label(header.label, *image.shape[:2])
    data, boxes = SSDDefaultValTransform(SIZE, SIZE)(image, label)
    return data.asnumpy(), boxes


def compared(dataset: Dataset) -> list[tuple[Any, Any, Any, Any]]:
    """Our image and labels, and theirs, of the first records."""
    found: list[tuple[Any, Any, Any, Any]] = []
    for batch in ValLoader(list(dataset.shards), batch_size=8, data_shape=SIZE, num_threads=2):
        for data, rows in zip(batch.data[0].asnumpy(), batch.labels[0].asnumpy(), strict=True):
            found.append((data, rows[rows[:, 4] >= 0], *by_gluoncv(dataset, len(found))))
        if len(found) >= COUNT:
            break
    return found


@pytest.mark.parametrize("name", ["bccd", "photos"])
def test_images_and_labels(real_sets: dict[str, Dataset], name: str) -> None:
    """Labels agree but for float32's rounding.

    Images, all of which are shrunk, agree but for GluonCV's rounding to whole levels of 0..255, by half a level: a
    quarter of one on average. Ours is not rounded.
    """
    for data, rows, their_data, their_rows in compared(real_sets[name]):
        wanted = their_rows[their_rows[:, 4] >= 0]
        np.testing.assert_allclose(rows[:, : wanted.shape[1]], wanted, rtol=1e-5, atol=1e-3)
        difference = np.abs(data - their_data) / LEVELS
        assert difference.mean() <= 0.3
        assert difference.max() <= 0.51
