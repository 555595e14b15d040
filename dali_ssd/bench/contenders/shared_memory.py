"""The shared memory in which worker processes hand over their batches."""

from __future__ import annotations

import shutil
from pathlib import Path

from dali_ssd.bench.work import Work
from dali_ssd.errors import ConfigError

__all__ = ["check_shared_memory"]

_SHARED_MEMORY = Path("/dev/shm")


def check_shared_memory(work: Work, anchors: int) -> None:
    """Raise ConfigError if batches with targets of so many anchors do not fit into shared memory.

    A worker would die where it needs more, and MXNet waits for it forever.
    """
    pixels, targets = 3 * work.data_shape**2, 5 * anchors
    # Each worker prepares two batches ahead, and the consumer holds one.
    needed = (2 * work.threads + 1) * work.batch_size * (pixels + targets) * 4
    free = shutil.disk_usage(_SHARED_MEMORY).free
    if free < needed:
        raise ConfigError(
            f"its workers need {needed // 10**6} MB in {_SHARED_MEMORY}, which has {free // 10**6} MB free; "
            f"a container gets more by --shm-size {-(-needed // 2**30)}g"
        )
