"""The log of a training run: the same lines on stderr and in a file, above a progress bar if stderr is a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dali_ssd.errors import DaliSsdError
from dali_ssd.util.progress import Progress

__all__ = ["TrainLog"]


class TrainLog:
    """A context manager that shows what this package logs. Raises DaliSsdError if the file cannot be written."""

    def __init__(self, path: Path | None = None, *, quiet: bool = False) -> None:
        self.logger = logging.getLogger("dali_ssd.train")
        self._console = _Console()
        self._package = logging.getLogger("dali_ssd")
        # Python prints the warnings of a logger that has no handler.
        self._handlers: list[logging.Handler] = [logging.NullHandler() if quiet else self._console]
        self._quiet = quiet
        if path is not None:
            self._handlers.append(_open_file(path))

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


def _open_file(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise DaliSsdError(f"cannot write {path}: {error.strerror}; choose another --save-prefix") from error
