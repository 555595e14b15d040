"""Shards that several tests of the loaders read."""

from __future__ import annotations

import pytest

from tests.support.loaders import COUNT
from tests.support.shards import write_random


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("shards")
    write_random(folder, COUNT, num_shards=3)
    return str(folder / "*.rec")
