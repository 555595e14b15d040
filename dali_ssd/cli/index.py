"""`dali-ssd index a.rec ...`: rebuild the `.idx` of shards from the shards themselves."""

from __future__ import annotations

from dataclasses import dataclass

import tyro

from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.format.index import build_index, index_path, write_index
from dali_ssd.util.progress import track
from dali_ssd.util.words import counted

__all__ = ["IndexConfig", "run"]


@dataclass(frozen=True)
class IndexConfig:
    """Build the index of shards, replacing an existing one."""

    shards: tuple[str, ...]
    """Shards or patterns such as 'data/*.rec'."""


def run(argv: list[str]) -> int:
    """Rebuild the index of each shard; return 0 when done."""
    config = tyro.cli(IndexConfig, args=argv, prog="dali-ssd index", config=(tyro.conf.PositionalRequiredArgs,))
    for shard in track(expand_paths(config.shards), "indexing"):
        index = build_index(shard)
        write_index(index_path(shard), index)
        print(f"{index_path(shard)}: {counted(len(index), 'record')}")
    return 0
