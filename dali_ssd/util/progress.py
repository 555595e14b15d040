"""Progress of long work on stderr: a bar on a terminal, a plain line now and then otherwise."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import TYPE_CHECKING, TextIO, TypeVar, cast

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

__all__ = ["Progress", "track"]

_T = TypeVar("_T")
_TASK = cast("TaskID", 0)
"""The only task of a bar."""


class Progress:
    """A context manager that shows how much of some work is done.

    `total` is the number of steps, None if unknown. `stream` defaults to stderr, so stdout stays free for results.
    """

    def __init__(self, description: str, total: int | None = None, *, stream: TextIO | None = None) -> None:
        self.description = description
        self.total = total
        self.done = 0
        """Steps done so far."""
        self._stream = stream
        self._display: Bar | _Lines | None = None

    def __enter__(self) -> Progress:
        stream = self._stream or sys.stderr
        show = _start_bar if _is_terminal(stream) else _Lines
        self._display = show(self.description, self.total, stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._display.stop()
            self._display = None

    def advance(self, steps: int = 1) -> None:
        """Count `steps` more as done."""
        self.done += steps
        if self._display is not None:
            self._display.update(_TASK, completed=self.done)

    def log(self, line: str) -> None:
        """Print `line` to the same stream, above the bar if there is one."""
        if self._display is not None:
            self._display.print(line, markup=False, highlight=False, soft_wrap=True)


def track(
    iterable: Iterable[_T], description: str, total: int | None = None, *, stream: TextIO | None = None
) -> Iterator[_T]:
    """Yield what `iterable` yields and show progress; `total` defaults to its length if it has one."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with Progress(description, total, stream=stream) as progress:
        for item in iterable:
            yield item
            progress.advance()


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _start_bar(description: str, total: int | None, stream: TextIO) -> Bar:
    """Start rich's progress bar; when it is stopped, its last state stays on the terminal."""
    # Rich takes 0.1 s to import, which work without a terminal need not wait for.
    from rich import progress as bars
    from rich.console import Console

    columns = [
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
    ]
    # Results that go to a file or a pipe must not end up in the bar's stream.
    bar = bars.Progress(*columns, console=Console(file=stream), redirect_stdout=sys.stdout.isatty())
    bar.add_task(description, total=total)
    bar.start()
    return bar


class _Lines:
    """Lines after every tenth of the work but at most one per second, after ten seconds, and at the end.

    For streams that are not a terminal; has the methods of rich's `Progress` that are called here.
    """

    _SECONDS = (1.0, 10.0)

    def __init__(self, description: str, total: int | None, stream: TextIO) -> None:
        self._description, self._total, self._stream = description, total, stream
        self._start = self._last_time = time.monotonic()
        self._done = self._last_done = 0

    def update(self, _task: TaskID, *, completed: int) -> None:
        self._done = completed
        now = time.monotonic()
        shortest, longest = self._SECONDS
        waited = now - self._last_time
        tenth = self._total is not None and (completed - self._last_done) * 10 >= self._total
        if waited >= longest or (tenth and waited >= shortest):
            self._write(now)

    def print(self, line: str, **_style: bool) -> None:
        print(line, file=self._stream, flush=True)

    def stop(self) -> None:
        if self._done != self._last_done:
            self._write(time.monotonic())

    def _write(self, now: float) -> None:
        self._last_time, self._last_done = now, self._done
        of = f"/{self._total} ({self._done / self._total:.0%})" if self._total else ""
        self.print(f"{self._description}: {self._done}{of} in {now - self._start:.0f} s")
