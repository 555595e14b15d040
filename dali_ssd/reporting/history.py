"""The metrics of a training run in `metrics.jsonl`: one JSON object per line, appended as it is measured."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, TypeAlias

from dali_ssd.errors import DaliSsdError, DatasetError
from dali_ssd.util.files import atomic_open

__all__ = ["Entry", "History", "read_history"]

Entry: TypeAlias = dict[str, Any]
"""A line: `kind` is `step`, `epoch` or `placement`, the rest numbers (null if there is none) and words."""


class History:
    """The entries of a training run, on disk as soon as they are added. Without a path, only in memory.

    Raises DaliSsdError if the file cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.entries: list[Entry] = []

    def start(self, entries: list[Entry]) -> None:
        """Replace what the file holds by `entries`: those of a checkpoint, or none.

        Lines written after the checkpoint belong to steps that will be repeated.
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
    """Read a `metrics.jsonl` without a last line cut short by a crash. Raises DatasetError for other damage."""
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
    """Replace NaN and infinity by None, since JSON has neither, also inside a dictionary."""
    if isinstance(value, dict):
        return {name: _number(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _line(entry: Entry) -> str:
    return json.dumps(entry) + "\n"
