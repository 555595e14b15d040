"""Map a function over many items by processes on all cores: results in order, few in memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from typing import TypeVar

from dali_ssd.errors import DaliSsdError, WorkerError

__all__ = ["available_cores", "ordered_map"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_CHUNK = 8
"""Items that are sent to a worker together."""
_WORTH_A_WORKER = 64
"""Starting a process takes about as long as this many items: an image to convert, some records to inspect."""


def available_cores() -> int:
    """Return the number of cores this process may run on (its affinity mask, not the machine's count)."""
    return len(os.sched_getaffinity(0))


def ordered_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int = 0,
    *,
    isolated: bool = False,
    worth: int = _WORTH_A_WORKER,
) -> Iterator[Result]:
    """Yield `function(item)` for each item, in order, computed by `workers` processes (0: as many as are worth it).

    `isolated`: never compute in this process, so that `function` may change process-wide state. `worth`: how many items
    take as long as starting a process.
    `function` and items must be picklable. An exception of `function` is raised here. Raises `WorkerError` if a worker
    dies, `DaliSsdError` if none can start. Processes are spawned, not forked: the caller may have threads.
    """
    workers = min(workers or available_cores(), -(-len(items) // worth))
    if workers < 1 or (workers == 1 and not isolated):
        yield from map(function, items)
        return
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(started,))
    try:
        yield from _windowed(pool, function, items, 2 * workers)
    except BrokenProcessPool as error:
        if not started.is_set():
            raise DaliSsdError(
                "no worker process could start; a script must begin its work below `if __name__ == '__main__':`, since "
                "each worker imports it"
            ) from error
        raise WorkerError("a worker process died, perhaps for lack of memory; try --workers 1") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _windowed(
    pool: ProcessPoolExecutor, function: Callable[[Item], Result], items: Sequence[Item], window: int
) -> Iterator[Result]:
    """Yield results in order, with at most `window` chunks under way or waiting to be taken."""
    pending: deque[Future[list[Result]]] = deque()
    for start in range(0, len(items), _CHUNK):
        pending.append(pool.submit(_apply, function, items[start : start + _CHUNK]))
        if len(pending) > window:
            yield from pending.popleft().result()
    while pending:
        yield from pending.popleft().result()


def _begin(started: Event) -> None:
    """Begin a worker."""
    started.set()
    # Ctrl-C reaches every process of the terminal; the parent alone decides, so that there is one message.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _apply(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]
