"""Cores of this machine: which are near a device on its PCI bus, and how processes and devices share them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["all_cores", "bind_process", "cores_near", "divide_cores"]

_ONLINE = Path("/sys/devices/system/cpu/online")
_PCI = Path("/sys/bus/pci/devices")
_THREADS = Path("/proc/self/task")


def all_cores() -> set[int]:
    """Return the cores of this machine that are in use, or those of this process if the kernel does not tell."""
    return _listed(_ONLINE) or os.sched_getaffinity(0)


def cores_near(bus: str) -> set[int]:
    """Return those of this process's cores that are on the socket of the device at this PCI address.

    If there are none, or the kernel does not tell, all of them.
    """
    mine = os.sched_getaffinity(0)
    return mine & _listed(_PCI / bus / "local_cpulist") or mine


def divide_cores(near: Sequence[set[int]]) -> list[tuple[int, ...]]:
    """Deal the cores that are near to several devices out among them; each device has one at least.

    Dealt one by one, since neighbors of one core's number may be threads of the same core or far from each other.
    """
    parts = []
    for place, cores in enumerate(near):
        sharing = [other for other, theirs in enumerate(near) if theirs == cores]
        parts.append(tuple(sorted(cores)[sharing.index(place) :: len(sharing)] or sorted(cores)))
    return parts


def bind_process(cores: Sequence[int]) -> None:
    """Let all threads of this process, and those that they start, run on these cores alone."""
    for thread in _THREADS.iterdir():
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(int(thread.name), cores)


def _listed(path: Path) -> set[int]:
    """Return the cores that a file of the kernel lists, such as `0-3,8-11`; none if it has no such list."""
    try:
        ends = [part.split("-") for part in path.read_text().strip().split(",")]
        return {core for pair in ends for core in range(int(pair[0]), int(pair[-1]) + 1)}
    except (OSError, ValueError):
        return set()
