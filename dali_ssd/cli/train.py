"""`dali-ssd train --train SHARDS --val SHARDS ...`: train an SSD."""

from __future__ import annotations

import tyro

from dali_ssd.gluon.options import TrainConfig
from dali_ssd.util.optional import import_module

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Train; return 0 when all epochs are done, 128 + the signal's number if a signal ended it after saving."""
    config = tyro.cli(TrainConfig, args=argv, prog="dali-ssd train")
    result = import_module("dali_ssd.gluon.training.run").train(config)
    code: int = result.exit_code
    return code
