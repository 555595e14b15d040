"""Forks that find the pipelines at rest.

DALI guards its pool of host memory with a spin lock, and a fork copies that as it is. Where one of a pipeline's threads
held it, nobody in the child ever gives it back, and the first pipeline that the child makes spins for ever: 1 of 100
children did. So a fork waits until all of DALI's threads sleep, and none is given work meanwhile. What remains is the
moment in which a consumer frees a batch.
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
"""Seconds that a fork waits for those who give DALI work, and again for DALI, before it goes ahead all the same."""
_NAMES = (b"[DALI]", b"PrefetchWorker")
"""How the names of the threads begin that DALI runs operators, executors and readers in."""
_THREADS = Path("/proc/self/task")

_log = logging.getLogger(__name__)
_change = threading.Condition()
_inside: list[int] = []
"""Threads that give DALI work, each as often as it has entered."""
_forking: set[int] = set()
"""Threads that are making a fork."""


@contextlib.contextmanager
def no_fork() -> Iterator[None]:
    """For calls that give DALI work; they wait while another thread forks, and its fork waits for them to return."""
    me = threading.get_ident()
    with _change:
        # Whoever is inside already goes on, since the fork waits for it. The limit is for a fork cut short by a signal.
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
    except KeyboardInterrupt:  # it ends the wait and no more: Python lets no exception out of here
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
    # The same answer twice says that all of them slept at one time.
    while threads and ((now := _switches(threads)) is None or now != before):
        if time.monotonic() > end:
            return False
        before = now
        time.sleep(0.001)
    return True


def _threads_of_dali() -> dict[str, bytes]:
    """Their numbers and names; the calling thread, if it is one, does not count."""
    found = {}
    for thread in os.listdir(_THREADS) if _THREADS.exists() else ():
        with contextlib.suppress(OSError):  # it has ended
            found[thread] = (_THREADS / thread / "comm").read_bytes().rstrip()
    found.pop(str(threading.get_native_id()), None)
    return {thread: name for thread, name in found.items() if name.startswith(_NAMES)}


def _switches(threads: Sequence[str]) -> list[bytes] | None:
    """How often each thread has been switched, or None where one is not asleep."""
    found = []
    for thread in threads:
        with contextlib.suppress(OSError):
            status = (_THREADS / thread / "status").read_bytes()
            if b"State:\tS" not in status:
                return None
            found.append(status.partition(b"voluntary_ctxt_switches")[2])
    return found


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
