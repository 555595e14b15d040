"""DALI's pool of host memory, without which small images take a tenth more time."""

from __future__ import annotations

import os

__all__ = ["choose_host_pool"]


def choose_host_pool() -> None:
    """Say from which size on DALI keeps host buffers in its pool, unless the user has said so.

    DALI reads it with the first pipeline of a process. By its own default, 32 MB, most buffers of a run come from
    malloc, which gives them back to the system and has them zeroed anew. 64k and 1M measure about the same.
    """
    os.environ.setdefault("DALI_MALLOC_POOL_THRESHOLD", "256k")
