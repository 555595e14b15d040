"""`dali-ssd reshard SHARDS --out OUT`: deal the records of shards out to new ones."""

from __future__ import annotations

import sys

import tyro

from dali_ssd.records.lint.findings import summary
from dali_ssd.records.options import ReshardConfig
from dali_ssd.records.reshard import CHECK_LISTS, SHOWN, reshard
from dali_ssd.util.words import counted

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Write the new shards, and print what was left out and their paths; return 0 when done."""
    config = tyro.cli(ReshardConfig, args=argv, prog="dali-ssd reshard")
    resharded = reshard(config)
    for line in summary(resharded.left_out, SHOWN, CHECK_LISTS):
        print(line)
    order = f"shuffled with seed {config.seed}" if config.shuffle else "in their order"
    print(f"{counted(resharded.records, 'record')} in {counted(len(resharded.shards), 'shard')}, {order}")
    if resharded.classes:
        print(f"classes: {', '.join(resharded.classes)}")
    sys.stdout.write("".join(f"{shard}\n" for shard in resharded.shards))
    return 0
