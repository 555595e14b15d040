"""What the tests on a GPU share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nvidia.dali")

from tests.support.own_plugin import load_plugin_or_skip
from tests.support.shards import draw, encoded, random_record, write, write_random

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else JAX takes three quarters of the GPU for itself

COUNT = 16


@pytest.fixture(scope="session")
def plugin() -> None:
    load_plugin_or_skip()


@pytest.fixture(scope="session")
def pngs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PNGs, which are decoded on the host in any case: the same pixels for both."""
    (path,) = write_random(tmp_path_factory.mktemp("pngs"), COUNT)
    return path


@pytest.fixture(scope="session")
def jpegs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JPEGs without color subsampling, whose decoders differ by a level or two."""
    rng = np.random.default_rng(0)
    records = []
    for _ in range(COUNT):
        label, _ = random_record(rng)
        height, width = (int(side) for side in rng.integers(80, 200, 2))
        records.append((label, encoded(draw(rng, height, width), "JPEG", quality=95, subsampling=0)))
    (path,) = write(tmp_path_factory.mktemp("jpegs"), records)
    return path
