"""What a training measured, in `metrics.jsonl`: one JSON object a line, appended as it happens."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, TypeAlias

from dali_ssd.errors import DaliSsdError, DatasetError
from dali_ssd.util.files import atomic_open

__all__ = ["Entry", "History", "read_history"]

Entry: TypeAlias = dict[str, Any]
"""A line: `kind` is `step` or `epoch`, the rest numbers (null where there is none) and names."""


class History:
    """The entries of a training, on disk as soon as they are added. Without a path they are only kept in memory.

    Raises DaliSsdError where the file cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.entries: list[Entry] = []

    def start(self, entries: list[Entry]) -> None:
        """Begin with `entries`, those of a checkpoint or none, in place of what the file holds.

        Lines written after the checkpoint belong to steps that are about to be made again.
        """
        self.entries = list(entries)
        if self.path is not None:
            with atomic_open(self.path, "w") as file:
                file.writelines(map(_line, self.entries))

    def add(self, kind: str, **values: Any) -> None:
        """Append one entry."""
        entry = {"kind": kind} | {name: _number(value) for name, value in values.items()}
        self.entries.append(entry)
        if self.path is None:
            return
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(_line(entry))
        except OSError as error:
            raise DaliSsdError(f"cannot write {self.path}: {error.strerror}") from error


def read_history(path: Path) -> list[Entry]:
    """Read a `metrics.jsonl`. A last line cut short by a crash is left out; raises DatasetError for other damage."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read {path}: {error}") from error
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    try:
        return [json.loads(line) for line in lines]
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path} is no metrics file: {error}") from error


def _number(value: Any) -> Any:
    """JSON has no NaN; null says the same to every reader."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _line(entry: Entry) -> str:
    return json.dumps(entry) + "\n"
