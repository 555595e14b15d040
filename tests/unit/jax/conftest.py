"""A shard that the tests of loaders for JAX read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.shards import write_random


@pytest.fixture(scope="session")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path,) = write_random(tmp_path_factory.mktemp("jax"), 25)
    return path
