"""Forks that find the pipelines at rest.

DALI guards its pool of host memory with a spin lock, and a fork copies that as it is. Where one of a pipeline's threads
held it, nobody in the child ever gives it back, and the first pipeline that the child makes spins for ever: 1 of 100
children did. So a fork waits until the pipelines have prepared what they were asked for, and none is asked meanwhile.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["no_fork"]

_PATIENCE = 10.0
"""Seconds after which a fork goes ahead all the same; preparing what is prefetched takes a fraction of one."""
_NAMES = ("[DALI]", "PrefetchWorker")
"""How the names of the threads begin that DALI runs operators, executors and readers in."""

_log = logging.getLogger(__name__)
_change = threading.Condition()
_inside = 0
_forking: set[int] = set()
"""Threads that are making a fork."""


@contextmanager
def no_fork() -> Iterator[None]:
    """For calls that give DALI work; they wait while a fork is made, and a fork waits for them to return."""
    global _inside
    with _change:
        _change.wait_for(lambda: not _forking)
        _inside += 1
    try:
        yield
    finally:
        with _change:
            _inside -= 1
            _change.notify_all()


def _before() -> None:
    end = time.monotonic() + _PATIENCE
    with _change:
        _forking.add(threading.get_ident())
        _change.wait_for(lambda: not _inside, _PATIENCE)
    before = None
    while (now := _at_rest()) is None or now != before:
        if time.monotonic() > end:
            _log.warning("DALI is at work since %.0f s: a child that is forked now may not be able to load", _PATIENCE)
            return
        before = now
        time.sleep(0.001)


def _in_parent() -> None:
    with _change:
        _forking.discard(threading.get_ident())
        _change.notify_all()


def _in_child() -> None:
    global _change, _inside
    _change, _inside = threading.Condition(), 0
    _forking.clear()


def _at_rest() -> dict[str, str] | None:
    """How often each of DALI's threads has been switched, or None where one is not asleep.

    The same answer twice says that all of them slept at one time.
    """
    switched = {}
    for thread in Path("/proc/self/task").iterdir():
        try:
            if not (thread / "comm").read_text().startswith(_NAMES):
                continue
            status = (thread / "status").read_text()
        except OSError:  # it has ended
            continue
        if "State:\tS" not in status:
            return None
        switched[thread.name] = status[status.index("voluntary_ctxt_switches") :]
    return switched


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
