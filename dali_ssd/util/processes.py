"""Processes that end with the one that has started them, and how a process ended, in words."""

from __future__ import annotations

import ctypes
import os
import signal

__all__ = ["die_with", "how_ended"]

_PR_SET_PDEATHSIG = 1
"""Request of Linux's prctl(2)."""


def die_with(parent: int) -> None:
    """Let this process be killed when its parent ends, however that ends; at once if `parent` has ended already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def how_ended(code: int) -> str:
    """Return what an exit code says, as subprocess gives it: `ended with exit code 2`, `was killed by SIGKILL`."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal
        return f"was killed by signal {-code}"
