"""A sign of life for watchdogs: a file that is touched while batches are trained or scored.

A training run that hangs still has its process. If the environment variable DALI_SSD_HEARTBEAT names a file, its time
stamp says when a batch was last trained on or scored; the health check of the container image reads it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from dali_ssd.errors import ConfigError

__all__ = ["HEARTBEAT_VARIABLE", "Heartbeat"]

HEARTBEAT_VARIABLE = "DALI_SSD_HEARTBEAT"

T = TypeVar("T")


class Heartbeat:
    """A context manager that keeps a file while a run trains. Without `path` it does nothing.

    Raises ConfigError on entry if the file cannot be written.
    """

    SECONDS = 1.0
    """Shortest time between two touches."""

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._next = 0.0

    @classmethod
    def from_environment(cls) -> Heartbeat:
        """Return the heartbeat that the environment asks for."""
        name = os.environ.get(HEARTBEAT_VARIABLE)
        return cls(Path(name) if name else None)

    def __enter__(self) -> Heartbeat:
        try:
            self._touch()
        except OSError as error:
            message = f"cannot write {self._path}: {error.strerror}; {HEARTBEAT_VARIABLE} must name a file that can be"
            raise ConfigError(message) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def beat(self) -> None:
        """Touch the file if `SECONDS` have passed. A failure does not end the run; the file's reader notices it."""
        if self._clock() >= self._next:
            with suppress(OSError):
                self._touch()

    def along(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, with one beat per item."""
        for item in items:
            self.beat()
            yield item

    def _touch(self) -> None:
        self._next = self._clock() + self.SECONDS
        if self._path is not None:
            self._path.touch()
