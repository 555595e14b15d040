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
    """Return what an exit code says: `ended with exit code 2`, `was ended by SIGKILL`.

    That of a signal is minus its number, as subprocess has it, or 128 more, as shells have it.
    """
    number = -code if code < 0 else code - 128
    known = number in signal.valid_signals() and number in list(signal.Signals)
    return f"was ended by {signal.Signals(number).name}" if known else f"ended with exit code {code}"
