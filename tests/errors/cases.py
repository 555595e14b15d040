"""Shared parts of the cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter
from tests.support.records import BOX, encoded, record

__all__ = ["BOX", "Case", "encoded", "pack", "raising", "record", "refuse", "write"]

Case: TypeAlias = Callable[[Path, pytest.MonkeyPatch], Any]
"""Raises the error, or returns what was printed for it; is given an empty folder."""


def write(folder: Path, records: Sequence[bytes] | None = None, name: str = "a") -> Path:
    """A shard of some good records, or of those given."""
    with ShardWriter(folder, name) as writer:
        for one in [record() for _ in range(4)] if records is None else records:
            writer.write(one)
    return folder / f"{name}.rec"


def labeled(*words: float) -> bytes:
    """A record with a label of exactly these numbers."""
    return pack(Header(np.array(words, np.float32)), encoded())


def sound() -> bytes:
    """A record with one object of class 0."""
    return pack(Header(build_label([BOX], [0])), encoded())


def raising(error: BaseException) -> Callable[..., Any]:
    """A function that raises this error whatever it is given."""

    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def refuse(patch: pytest.MonkeyPatch, target: str) -> None:
    """Make a function fail as on a full disk."""
    patch.setattr(target, raising(OSError(28, "No space left on device")))
