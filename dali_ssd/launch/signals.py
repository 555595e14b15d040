"""SIGINT and SIGTERM: the first one asks the run to finish its step and save, the second one ends it at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any, TypeVar

__all__ = ["StopRequested", "StopSignal"]

T = TypeVar("T")


class StopRequested(Exception):
    """Raised to interrupt work that is done again later, such as scoring."""


class StopSignal:
    """A context manager that turns the first SIGINT or SIGTERM into a request that is read between steps.

    Outside the main thread, where Python allows no handlers, signals work as usual.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        """The first signal; None if there was none."""
        self._previous: dict[signal.Signals, Any] = {}
        self._owner = 0

    def __enter__(self) -> StopSignal:
        self._owner = os.getpid()
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._handle) for number in self.SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    @property
    def exit_code(self) -> int:
        """The conventional exit code after a signal, 128 + its number; 0 without a signal."""
        return 128 + self.received if self.received is not None else 0

    def hear(self, number: signal.Signals | None) -> bool:
        """Take the signal that another process has received, if any, as this one's; return whether there is one."""
        if self.received is None:
            self.received = number
        return number is not None

    def guard(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items. Raises StopRequested before the next one if a signal has come."""
        for item in items:
            if self.received is not None:
                raise StopRequested
            yield item

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            # A forked worker of a loader inherits the handler; there, signals work as usual.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if self.received is not None:
            # No clean-up: a second signal ends the process at once. No checkpoint breaks: they are replaced atomically.
            os._exit(128 + number)
        self.received = signal.Signals(number)
        # Not print: the interrupted code may be inside print itself.
        with contextlib.suppress(OSError):
            text = f"\n{self.received.name}: finishing this step and saving; a second signal quits at once\n"
            os.write(2, text.encode())
