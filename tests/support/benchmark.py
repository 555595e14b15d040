"""A shard for the benchmark."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter


@pytest.fixture(scope="session")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four records of 64 x 48 pixels with one object each."""
    with ShardWriter(tmp_path_factory.mktemp("shard"), "tiny") as writer:
        for number in range(4):
            buffer = io.BytesIO()
            Image.new("RGB", (64, 48), (60 * number, 100, 200)).save(buffer, "JPEG")
            writer.write(pack(Header(build_label([[0.1, 0.1, 0.6, 0.8]], [number]), number), buffer.getvalue()))
    return writer.paths[0]
