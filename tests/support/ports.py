"""Ports that tests of other processes do not take at the same time."""

from __future__ import annotations

import os

from dali_ssd.launch.network import free_port

__all__ = ["own_port"]


def own_port() -> int:
    """A free port, from another thousand for each process that runs tests."""
    return free_port(20_000 + os.getpid() % 12 * 1_000)
