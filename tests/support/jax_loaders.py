"""Loaders for JAX of small batches."""

from __future__ import annotations

from typing import Any

from dali_ssd.jax import TrainLoader, ValLoader
from tests.support.pipes import ANCHORS

COUNT = 25
"""Records of the shards: in batches of two, twelve a pass, so that two pipelines take turns."""
OPTIONS: dict[str, Any] = {"batch_size": 2, "data_shape": 64, "num_threads": 2}


def encoded(shard: Any, kind: Any = TrainLoader, **options: Any) -> Any:
    return kind(shard, **{**OPTIONS, "anchors": ANCHORS, **options})


def boxes(shard: Any, kind: Any = TrainLoader, **options: Any) -> Any:
    return kind(shard, **{**OPTIONS, "targets": "boxes", **options})


def val(shard: Any, kind: Any = ValLoader, **options: Any) -> Any:
    return kind(shard, **{**OPTIONS, **options})
