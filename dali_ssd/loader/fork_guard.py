"""Forks wait until the pipelines are idle.

DALI guards its pool of host memory with a spin lock, which a fork copies as it is. If one of a pipeline's threads held
it, it is never released in the child, and the first pipeline that the child makes spins forever: 1 of 100 children did.
So a fork waits until all of DALI's threads sleep, and none is given work meanwhile. The remaining risk is the moment in
which a consumer frees a batch.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["no_fork"]

_TIMEOUT_S = 10.0
"""Seconds that a fork waits for threads that give DALI work, and again for DALI, before it goes ahead anyway."""
_NAMES = (b"[DALI]", b"PrefetchWorker")
"""Beginnings of the names of the threads in which DALI runs operators, executors and readers."""
_THREADS = Path("/proc/self/task")

_log = logging.getLogger(__name__)
_change = threading.Condition()
_inside: list[int] = []
"""Threads that give DALI work, each as often as it has entered."""
_forking: set[int] = set()
"""Threads that are making a fork."""


@contextlib.contextmanager
def no_fork() -> Iterator[None]:
    """Guard calls that give DALI work: they wait while another thread forks, and its fork waits for them to return."""
    me = threading.get_ident()
    with _change:
        # A thread already inside goes on, since the fork waits for it. The limit is for a fork cut short by a signal.
        if me not in _inside and not _change.wait_for(lambda: _forking <= {me}, 3 * _TIMEOUT_S):
            _forking.clear()
        _inside.append(me)
    try:
        yield
    finally:
        with _change:
            _inside.remove(me)
            _change.notify_all()


def _before() -> None:
    try:
        at_rest = _others_leave() and _comes_to_rest()
    except KeyboardInterrupt:  # it only ends the wait: Python does not pass on exceptions of this function
        at_rest = False
    if not at_rest:
        _log.warning("DALI is at work: a child that is forked now may not be able to load")


def _in_parent() -> None:
    with _change:
        _forking.discard(threading.get_ident())
        _change.notify_all()


def _in_child() -> None:
    global _change
    _change = threading.Condition()
    _forking.clear()
    _inside[:] = [thread for thread in _inside if thread == threading.get_ident()]


def _others_leave() -> bool:
    me = threading.get_ident()
    with _change:
        _forking.add(me)
        return _change.wait_for(lambda: _inside.count(me) == len(_inside), _TIMEOUT_S)


def _comes_to_rest() -> bool:
    threads, before = list(_threads_of_dali()), None
    end = time.monotonic() + _TIMEOUT_S
    # The same answer twice means that all of them slept at the same time.
    while threads and ((now := _switches(threads)) is None or now != before):
        if time.monotonic() > end:
            return False
        before = now
        time.sleep(0.001)
    return True


def _threads_of_dali() -> dict[str, bytes]:
    """Return the numbers and names of DALI's threads, without the calling thread."""
    found = {}
    for thread in os.listdir(_THREADS) if _THREADS.exists() else ():
        with contextlib.suppress(OSError):  # it has ended
            found[thread] = (_THREADS / thread / "comm").read_bytes().rstrip()
    found.pop(str(threading.get_native_id()), None)
    return {thread: name for thread, name in found.items() if name.startswith(_NAMES)}


def _switches(threads: Sequence[str]) -> list[bytes] | None:
    """Return how often each thread has been switched, or None if one is not asleep."""
    found = []
    for thread in threads:
        with contextlib.suppress(OSError):
            status = (_THREADS / thread / "status").read_bytes()
            if b"State:\tS" not in status:
                return None
            found.append(status.partition(b"voluntary_ctxt_switches")[2])
    return found


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
