"""Data sets and reports for the tests of the inspection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dali_ssd.config import RenderConfig
from dali_ssd.inspection.contents import Contents, read_contents
from dali_ssd.records.inspect import inspect_shards
from tests.support.records import encoded
from tests.support.shards import write_random

__all__ = ["JPEGS", "contents_of", "random_objects", "varied_shard"]

JPEGS = [encoded(size=(60 + number, 48)) for number in range(4)]
"""Image files that differ."""


def contents_of(shard: Path, data_shape: int = 300) -> Contents:
    """What the labels and image heads of a shard say."""
    checked = inspect_shards(shard)
    return read_contents(checked.dataset, checked.bad, RenderConfig(data_shape=data_shape), checked.unit, 1)


def random_objects(
    rng: np.random.Generator, count: int, side: float = 300, classes: int = 3
) -> npt.NDArray[np.float32]:
    """(count, 6) boxes in network pixels with class ids and no mark, none of them alike."""
    low = rng.uniform(0, 0.7 * side, (count, 2))
    size = rng.uniform(0.01, 0.3, (count, 2)) * side
    return np.column_stack([low, low + size, rng.integers(0, classes, count), np.zeros(count)]).astype(np.float32)


def varied_shard(folder: Path, count: int = 40) -> Path:
    """A shard of random records with 0 to 4 objects of three classes."""
    (shard,) = write_random(folder, count)
    return shard
