"""A user for whom the modes of files count: they do not for root, as whom tests run in containers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["NOBODY", "as_nobody"]

NOBODY = 65534
"""Number of the user nobody."""


@contextmanager
def as_nobody() -> Iterator[None]:
    """Let root be the user nobody in the block; others stay who they are."""
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(NOBODY)
        yield
    finally:
        if root:
            os.seteuid(0)
