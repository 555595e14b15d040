"""A fixture that writes small shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dali_ssd.records.writer import ShardWriter
from tests.support.records import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write records into `a.rec` (or `name`) with its index; return the shard's path."""

    def write_shard(records: Sequence[bytes], name: str = "a") -> Path:
        folder = tmp_path / "data"
        with ShardWriter(folder, name) as writer:
            for one in records:
                writer.write(one)
        return folder / f"{name}.rec"

    return write_shard
