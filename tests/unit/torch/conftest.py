"""A shard that the tests of loaders for PyTorch read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dali_ssd.records.format.labels import build_label
from tests.support.shards import draw, encoded, random_boxes, write


@pytest.fixture(scope="session")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 records with none to four objects of 3 classes, some of which are difficult."""
    rng, records = np.random.default_rng(0), []
    for number in range(25):
        count = number % 5
        label = build_label(random_boxes(rng, count), rng.integers(0, 3, count), difficult=rng.integers(0, 2, count))
        records.append((label, encoded(draw(rng, 50, 70))))
    (path,) = write(tmp_path_factory.mktemp("torch"), records)
    return path
