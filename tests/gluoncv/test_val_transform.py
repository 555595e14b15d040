"""Validation against GluonCV's `SSDDefaultValTransform`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dali_ssd import ValLoader
from dali_ssd.records.dataset import Dataset
from tests.graph.cases import FULL_RANGE

mx = pytest.importorskip("mxnet")
gluoncv = pytest.importorskip("gluoncv")

SIZE = 300
COUNT = 24
"""Records of each set: enough for images larger, smaller and wider than the network's input."""


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
    found = []
    for batch in ValLoader(list(dataset.shards), batch_size=8, data_shape=SIZE, num_threads=2):
        for data, rows in zip(batch.data[0].asnumpy(), batch.labels[0].asnumpy(), strict=True):
            found.append((data, rows[rows[:, 4] >= 0], *by_gluoncv(dataset, len(found))))
        if len(found) >= COUNT:
            break
    return found


@pytest.mark.parametrize("name", ["bccd", "photos"])
def test_images_and_labels(real_sets: dict[str, Dataset], name: str) -> None:
    """Labels agree but for float32's rounding.

    Images agree as far as two resamplings of the same kind do. To shrink, GluonCV takes OpenCV's means over boxes
    ("area") where we take a triangle of twice the width, which blurs a little more, and it rounds to whole values of
    0..255. Measured: 0.2 to 4 of 255 levels on average, more the finer the picture's detail; so the measure is what a
    shift by one network pixel does, which is 4 to 7 times as much. Neither way changes the mean color.
    """
    for data, rows, their_data, their_rows in compared(real_sets[name]):
        wanted = their_rows[their_rows[:, 4] >= 0]
        np.testing.assert_allclose(rows[:, : wanted.shape[1]], wanted, rtol=1e-5, atol=1e-3)
        difference = np.abs(data - their_data).mean()
        shifted = np.abs(data[:, :, 1:] - their_data[:, :, :-1]).mean()
        assert difference < min(shifted / 3, 6 * FULL_RANGE / 255)
        means = data.mean(axis=(1, 2)), their_data.mean(axis=(1, 2))
        np.testing.assert_allclose(*means, rtol=0, atol=0.1 * FULL_RANGE / 255)
