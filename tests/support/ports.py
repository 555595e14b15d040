"""Ports that tests of other processes do not take at the same time."""

from __future__ import annotations

import os

from dali_ssd.launch.network import free_port

__all__ = ["own_port"]


def own_port() -> int:
    """Return a free port: of another thousand for each process of pytest-xdist, and another hundred for each child."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return free_port(20_000 + worker % 12 * 1_000 + os.getpid() % 10 * 100)
