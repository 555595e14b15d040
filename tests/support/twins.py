"""A pipeline on a GPU beside the same on a CPU, and how far apart their images are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dali_ssd.graph.source import ReaderSlice
from dali_ssd.graph.where import Where
from tests.support.cases import FULL_RANGE
from tests.support.pipes import arrays

LEVEL = FULL_RANGE / 255
"""One of 255 levels in the network's input, in its most sensitive channel."""
NVJPEG = 4 * LEVEL
"""nvJPEG and libjpeg-turbo round differently, and strong contrast makes it half as much again."""
WITH_PLUGIN, WITHOUT = Where("gpu", plugin=True), Where("gpu")


def both(build: Any, shard: ReaderSlice, count: int, where: Where, **options: Any) -> tuple[list[Any], list[Any]]:
    """The outputs of one batch by the CPU's kernels and on the GPU, all on the host: the same records, drawn alike."""
    cpu, gpu = ([arrays(out) for out in build(shard, count, where=at, **options).run()] for at in (Where(), where))
    assert [place.tobytes() for place in cpu[-1]] == [place.tobytes() for place in gpu[-1]]
    return cpu, gpu


def share_beyond(tolerance: float, first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    """Share of the numbers that are further apart."""
    assert first.shape == second.shape and first.dtype == second.dtype
    return float((np.abs(first.astype(np.float64) - second.astype(np.float64)) > tolerance).mean())
