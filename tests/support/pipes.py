"""Parts of DALI pipelines that several tests use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from nvidia.dali import fn

from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from dali_ssd.graph.source import ReaderSlice
from dali_ssd.graph.where import Where
from pipelines import ssd

Dtype = Literal["float32", "float16"]
Layout = Literal["NCHW", "NHWC"]
Targets = Literal["exact", "box_encoder"]

ANCHORS = np.array(
    [(x, y, side, side) for side in (12, 24, 48) for y in range(8, 64, 8) for x in range(8, 64, 8)], np.float32
)
"""Anchors `(147, 4)` for network inputs of 64 pixels."""


def fixed(samples: Sequence[npt.NDArray[Any]], *, layout: str | None = None) -> Any:
    """A node that gives the same batch of arrays again and again."""
    return fn.external_source(source=lambda: [np.ascontiguousarray(sample) for sample in samples], layout=layout)


def arrays(tensors: Any) -> list[npt.NDArray[Any]]:
    """The tensors of one output of `Pipeline.run` as arrays on the host, copied."""
    if hasattr(tensors, "as_cpu"):
        tensors = tensors.as_cpu()
    return [np.array(tensor) for tensor in tensors]


def train_pipeline(shard: ReaderSlice, batch_size: int, **options: Any) -> Any:
    """The training pipeline on the CPU, or `where` the options say, with small inputs."""
    where = options.get("where", Where())
    return ssd.train(
        shard,
        options.get("anchors", ANCHORS),
        options.get("augment", AugmentConfig()),
        options.get("image", RenderConfig(data_shape=64)),
        options.get("targets", TargetConfig()),
        initial_fill=options.get("initial_fill", 16),
        upright=options.get("upright", False),
        unit="fraction",
        where=where,
        until=options.get("until"),
        batch_size=batch_size,
        num_threads=2,
        device_id=0 if where.device == "gpu" else None,
        seed=options.get("seed", 7),
    )


def val_pipeline(shard: ReaderSlice, batch_size: int, **options: Any) -> Any:
    """The validation pipeline on the CPU, or `where` the options say, with small inputs."""
    where = options.get("where", Where())
    return ssd.val(
        shard,
        options.get("image", RenderConfig(data_shape=64)),
        upright=options.get("upright", False),
        unit="fraction",
        where=where,
        batch_size=batch_size,
        num_threads=2,
        device_id=0 if where.device == "gpu" else None,
    )
