"""CPU time and memory of a process and everything it started, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cpu_seconds", "process_tree", "resident_bytes"]

_PROC = Path("/proc")
_TICK = 1 / os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat, counted from the one after the name in parentheses, which may contain spaces.
_PARENT, _CPU_TIMES = 1, slice(11, 15)


def process_tree(root: int) -> list[int]:
    """Return the process ids of `root` and all its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for pid in (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()):
        fields = _stat(pid)
        if fields is not None:
            children.setdefault(int(fields[_PARENT]), []).append(pid)
    tree = [root]
    for pid in tree:
        tree += children.get(pid, [])
    return tree


def cpu_seconds(root: int) -> float:
    """Return the CPU seconds, user and system, of `root` and its descendants, including those that have ended."""
    stats = filter(None, map(_stat, process_tree(root)))
    return sum(int(ticks) for fields in stats for ticks in fields[_CPU_TIMES]) * _TICK


def resident_bytes(root: int) -> int:
    """Return the resident memory of `root` and its descendants; a page that several of them share counts once.

    Mapped pages of the shards count too, as in every tool.
    """
    return sum(_proportional_bytes(pid) for pid in process_tree(root))


def _proportional_bytes(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:  # the process is gone, or a kernel or container does not show the file
        return _resident_bytes_of(pid)
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _resident_bytes_of(pid: int) -> int:
    try:
        pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str] | None:
    """Return the fields of a process's `stat`; None if it is gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
