"""A shard for the benchmark, and what the tests of its contenders look at."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dali_ssd.anchors import vgg_anchors
from dali_ssd.boxes import decode
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter

ANCHORS = vgg_anchors(300)


@pytest.fixture(scope="session")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four records of 64 x 48 pixels with one object each."""
    with ShardWriter(tmp_path_factory.mktemp("shard"), "tiny") as writer:
        for number in range(4):
            buffer = io.BytesIO()
            Image.new("RGB", (64, 48), (60 * number, 100, 200)).save(buffer, "JPEG")
            writer.write(pack(Header(build_label([[0.1, 0.1, 0.6, 0.8]], [number]), number), buffer.getvalue()))
    return writer.paths[0]


def decoded_boxes(classes: NDArray[np.float32], encoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes (n, 4) in network pixels that the positive anchors of one image stand for."""
    positive = classes > 0
    return decode(encoded[positive], ANCHORS[positive], (0.1, 0.1, 0.2, 0.2))


def share_on_canvas(data: NDArray[np.float32]) -> float:
    """Share of images (n, 3, S, S) with an edge of the mean color, normalized: those on a larger canvas."""
    edges = (data[:, :, 0], data[:, :, -1], data[:, :, :, 0], data[:, :, :, -1])
    flat = [(np.abs(edge) < 0.3).all(axis=(1, 2)) for edge in edges]
    return float(np.mean(np.any(flat, axis=0)))
