"""The `.idx` beside a shard: one line `key<tab>byte offset` per record.

An index may leave records out (that is how bad ones are skipped), but every line must point at the beginning of a
record. `ensure_index` checks this before the index is used, and builds a missing one.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import DaliSsdError, DatasetError, RecordError, RecordLocation
from dali_ssd.records.format.recordio import MAGIC, Buffer, FrameError, map_shard, scan
from dali_ssd.util.files import atomic_open, cache_folder, caching, file_identity
from dali_ssd.util.words import counted

__all__ = ["Index", "build_index", "check_index", "ensure_index", "index_path", "read_index", "write_index"]

_DIGITS = 18
"""Longest number read from an index: fits int64 and any file."""
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True, eq=False)
class Index:
    """Keys and byte offsets of a shard's records, in the order of the file's lines."""

    keys: NDArray[np.int64]
    """(n,) int64."""
    offsets: NDArray[np.int64]
    """(n,) int64."""

    def __len__(self) -> int:
        return len(self.keys)


def index_path(shard: Path) -> Path:
    """Return where MXNet looks for a shard's index: the same name with `.idx`."""
    return shard.with_suffix(".idx")


def read_index(path: Path) -> Index:
    """Return the index in a file. Raises `DatasetError` with the first line that is not a valid entry."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    pairs = [_parse_line(line, number, path) for number, line in enumerate(lines, 1) if line.strip()]
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return Index(table[:, 0].copy(), table[:, 1].copy())


def build_index(shard: Path) -> Index:
    """Return the index of all records of a shard, keys from 0 in file order. Raises `RecordError` if it is damaged.

    Reads only the heads of records.
    """
    try:
        with map_shard(shard) as buffer:
            offsets = np.fromiter((frame.offset for frame in scan(buffer, shard)), np.int64)
    except FrameError as error:
        raise RecordError(f"{error.problem}; `dali-ssd check {shard}` tells what can be saved", error.place) from error
    return Index(np.arange(len(offsets)), offsets)


def write_index(path: Path, index: Index) -> None:
    """Write an index, whole or not at all."""
    pairs: Iterable[tuple[int, int]] = zip(index.keys.tolist(), index.offsets.tolist(), strict=True)
    with atomic_open(path) as file:
        file.write("".join(f"{key}\t{offset}\n" for key, offset in pairs).encode())


def check_index(shard: Path, index: Index, source: Path) -> None:
    """Raise `RecordError` unless every entry points at the beginning of a different record of the shard.

    `source` is the index file that the message names. Reads one page of the shard per record.
    """
    advice = f"run `dali-ssd check {shard}` to see what is wrong, or `dali-ssd index {shard}` to rebuild the index"
    with map_shard(shard) as buffer:
        misfit = _first_misfit(buffer, index)
    if misfit is not None:
        line, why = misfit
        place = RecordLocation(shard, int(index.keys[line]), int(index.offsets[line]))
        raise RecordError(f"{source} does not fit the shard: it points at byte {place.offset}, {why}; {advice}", place)
    for name, numbers in (("key", index.keys), ("byte offset", index.offsets)):
        unique, counts = np.unique(numbers, return_counts=True)
        if len(unique) != len(numbers):
            twice = int(unique[np.argmax(counts > 1)])
            raise DatasetError(f"{source} lists the {name} {twice} more than once; {advice}")


def ensure_index(shard: Path, cache_dir: str | Path | None = None) -> Path:
    """Return the path of an index that fits the shard: beside it, built there if missing, or in the cache folder.

    The cache (see `dali_ssd.util.files.cache_folder`) is used if the shard's folder is read-only. Any number of
    processes may do this at once. Raises `DatasetError` or `RecordError` if an existing index does not fit, the
    shard is damaged, or the index cannot be written.
    """
    beside = index_path(shard)
    if beside.exists():
        check_index(shard, read_index(beside), beside)
        return beside
    try:
        write_index(beside, build_index(shard))
    except DaliSsdError as error:
        if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in _READ_ONLY or not shard.exists():
            raise
        return _cached_index(shard, cache_dir)
    return beside


def _parse_line(line: bytes, number: int, path: Path) -> tuple[int, int]:
    words = line.split()
    if len(words) != 2 or not all(word.isdigit() and len(word) <= _DIGITS for word in words):
        shown = line[:60].decode("utf-8", "replace")
        raise DatasetError(f"{path}, line {number}: expected a key and a byte offset, found {shown!r}")
    return int(words[0]), int(words[1])


def _first_misfit(buffer: Buffer, index: Index) -> tuple[int, str] | None:
    """Return (line, reason) of the first entry that does not point at the beginning of a record, or None."""
    size = len(buffer)
    outside = (index.offsets < 0) | (index.offsets + 8 > size) | (index.offsets % 4 != 0)
    words = np.frombuffer(buffer, "<u4", size // 4)
    at = np.where(outside, 0, index.offsets) // 4
    heads = words[at] if size >= 8 else np.zeros(len(at), np.uint32)
    flags = (words[at + 1] if size >= 8 else heads) >> 29
    for bad, why in (
        (outside, f"which is not a place for a record in a shard of {counted(size, 'byte')}"),
        (heads != MAGIC, "where no record begins (no magic number)"),
        (flags > 1, "which is inside of a record, not at its beginning"),
    ):
        if bad.any():
            return int(np.argmax(bad)), why
    return None


def _cached_index(shard: Path, cache_dir: str | Path | None) -> Path:
    path = cache_folder(cache_dir, "index") / f"{file_identity(shard)}.idx"
    try:
        check_index(shard, read_index(path), path)
    except DatasetError:  # missing or damaged: it is in our own cache, so rebuild it
        index = build_index(shard)
        with caching():
            write_index(path, index)
    return path
