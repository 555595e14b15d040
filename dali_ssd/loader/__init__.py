"""`TrainLoader` and `ValLoader`: shards in, batches on their devices out. README.md follows a batch through it."""

from __future__ import annotations

from dali_ssd.loader.base import LoaderStats
from dali_ssd.loader.train import TrainLoader
from dali_ssd.loader.val import ValLoader

__all__ = ["LoaderStats", "TrainLoader", "ValLoader"]
