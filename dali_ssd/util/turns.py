"""Work whose result is kept for all processes: one does it, and the others wait and find the result."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dali_ssd.util.files import cache_folder, caching, locked
from dali_ssd.util.progress import Progress

__all__ = ["one_at_a_time"]

_log = logging.getLogger(__name__)


@contextmanager
def one_at_a_time(folder: Path, work: str, names: Iterable[object]) -> Iterator[None]:
    """Let one process at a time do work whose result it leaves in the cache; the others wait, and say so once.

    Whoever is inside must first look whether the result is there by now. A process that is killed inside lets the next
    one in. Raises DatasetError if the cache cannot be written.

    Args:
        folder: the cache folder. Processes on other machines wait as well if they share it and it can be locked.
        work: what is done, for people: "another process is {work}".
        names: what it is done to; processes that do it to something else do not wait.
    """
    digest = hashlib.sha256("\n".join(map(str, (work, *names))).encode("utf-8", "surrogateescape")).hexdigest()
    path = cache_folder(folder, "locks") / f"{digest[:32]}.lock"
    with ExitStack() as stack:
        with caching():
            held = stack.enter_context(locked(path, waiting=lambda: _say_that_it_waits(work)))
        if not held:
            _log.warning("%s cannot be locked: processes that start at once are each %s", path.parent, work)
        yield


def _say_that_it_waits(work: str) -> None:
    with Progress("waiting") as progress:
        progress.log(f"another process is {work}: waiting for it")
