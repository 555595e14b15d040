"""Resharding in tests, and the records of what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dali_ssd.records.format.index import index_path, read_index
from dali_ssd.records.format.recordio import read_record
from dali_ssd.records.options import ReshardConfig
from dali_ssd.records.reshard import Resharded, reshard

__all__ = ["cut", "deal", "records_of"]


def deal(*shards: Path, out: Path, **options: Any) -> Resharded:
    return reshard(ReshardConfig(tuple(map(str, shards)), out, **options))


def records_of(shard: Path) -> list[bytes]:
    """The records that an index lists, in the order of their keys."""
    index = read_index(index_path(shard))
    return [read_record(shard, offset) for offset in index.offsets[np.argsort(index.keys)].tolist()]


def cut(shard: Path) -> None:
    """Cut the end of a shard off."""
    shard.write_bytes(shard.read_bytes()[:-40])
