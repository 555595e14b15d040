"""The log of a training run: the same lines on stderr and in a file, above a progress bar if stderr is a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dali_ssd.errors import DaliSsdError
from dali_ssd.util.files import locked
from dali_ssd.util.progress import Progress

__all__ = ["EVENT", "Event", "TrainLog"]

EVENT = {"event": True}
"""`extra` of a line of the log that is an event, whatever its level."""
_MOST_EVENTS = 500


@dataclass(frozen=True)
class Event:
    """A line of the log that tells of more than progress: warnings, and stops, resumes and failures of the run."""

    time: float
    """Seconds since 1970."""
    level: str
    """In lower case: `info`, `warning` or `error`."""
    text: str


class TrainLog:
    """A context manager that shows what this package logs.

    Its file is locked: two runs of one prefix would mix their metrics and checkpoints.

    Raises:
        DaliSsdError: the file cannot be written, or another process writes it.

    Attributes:
        events: the warnings and what is marked by `EVENT`, the newest last; of very many the first are kept.
    """

    def __init__(self, path: Path | None = None, *, quiet: bool = False) -> None:
        self.logger = logging.getLogger("dali_ssd.train")
        self._console = _Console()
        self._package = logging.getLogger("dali_ssd")
        # Python prints the warnings of a logger that has no handler.
        self._handlers: list[logging.Handler] = [logging.NullHandler() if quiet else self._console]
        self._quiet = quiet
        self.events: list[Event] = []
        self._handlers.append(_Events(self.events))
        self._lock = ExitStack()
        if path is not None:
            self._handlers.append(_open_file(path, self._lock))

    def __enter__(self) -> TrainLog:
        self.logger.setLevel(logging.INFO)
        # Otherwise a configured root logger would show each line twice.
        self._package.propagate = False
        for handler in self._handlers:
            self._package.addHandler(handler)
        return self

    def __exit__(self, *error: object) -> None:
        for handler in self._handlers:
            self._package.removeHandler(handler)
            handler.close()
        self._lock.close()
        self._package.propagate = True

    @contextmanager
    def progress(self, description: str, total: int | None) -> Iterator[Progress]:
        """Show a progress bar if stderr is a terminal; otherwise the log lines show the progress."""
        progress = Progress(description, total)
        if self._quiet or not sys.stderr.isatty():
            yield progress
            return
        with progress:
            self._console.progress = progress
            try:
                yield progress
            finally:
                self._console.progress = None


class _Console(logging.Handler):
    """Writes lines to stderr, above the progress bar if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.progress: Progress | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self.progress is not None:
                self.progress.log(self.format(record))
            else:
                print(self.format(record), file=sys.stderr, flush=True)
        except OSError:  # the terminal is gone, and the file has the line: no reason to end a training
            self.handleError(record)


class _Events(logging.Handler):
    """Collects events."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__()
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        is_event = record.levelno >= logging.WARNING or getattr(record, "event", False)
        if is_event and len(self._events) < _MOST_EVENTS:
            self._events.append(Event(record.created, record.levelname.lower(), record.getMessage()))


def _open_file(path: Path, lock: ExitStack) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise DaliSsdError(f"cannot write {path}: {error.strerror}; choose another --save-prefix") from error
    try:
        lock.enter_context(locked(path))
    except DaliSsdError:
        handler.close()
        raise
    return handler
