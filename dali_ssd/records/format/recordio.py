"""RecordIO: the layout of records in a `.rec` shard, and the header before each image.

    shard  = frame frame frame ...
    frame  = part                                       flag 0: the whole record
           | part part ... part                         flags 1, 2 ..., 3: the record held the magic number
    part   = magic u32 | flag << 29 | length u32 | length bytes | zeros up to a multiple of 4
    record = flag u32 | label f32 | id u64 | id2 u64 | flag x f32 if flag > 0 | image bytes

All numbers are little-endian. A record that contains the magic number at a multiple of 4 is split there and the four
bytes are left out, so an aligned magic number in a shard always begins a part.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import DatasetError, RecordError, RecordLocation
from dali_ssd.util.words import counted

__all__ = [
    "MAGIC",
    "MAX_LENGTH",
    "Buffer",
    "Frame",
    "FrameError",
    "Header",
    "frame",
    "frame_at",
    "join",
    "map_shard",
    "pack",
    "read_record",
    "release",
    "resync",
    "scan",
    "unpack",
    "walk_parts",
]

MAGIC = 0xCED7230A
"""The number that begins every part."""
MAX_LENGTH = (1 << 29) - 1
"""Longest record in bytes: the length shares its word with three bits of flag."""

Buffer: TypeAlias = "bytes | mmap.mmap"

_MAGIC_BYTES = struct.pack("<I", MAGIC)
_PART = struct.Struct("<II")
_HEADER = struct.Struct("<IfQQ")
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)


class FrameError(RecordError):
    """Raised if no whole record begins where one should.

    `kind` is the kind of damage. `magic`: there is no magic number; `flags`: parts in an impossible order;
    `truncated`: the shard ends before the record does.
    """

    def __init__(self, problem: str, place: RecordLocation, kind: Literal["magic", "flags", "truncated"]) -> None:
        super().__init__(problem, place)
        self.kind = kind

    def __reduce__(self) -> tuple[type[FrameError], tuple[object, ...]]:
        return FrameError, (self.problem, self.place, self.kind)


@dataclass(frozen=True, eq=False)
class Header:
    """The part of a record before its image."""

    label: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    """(n,) float32. One number if the record was written with flag 0."""
    id: int = 0
    id2: int = 0


class Frame(NamedTuple):
    """A record's place in a shard."""

    offset: int
    """Byte offset of its first part's magic number."""
    size: int
    """Bytes of all parts with their heads and padding: the next frame begins at offset + size."""
    parts: tuple[tuple[int, int], ...]
    """(start, length) in bytes of each part's payload."""

    @property
    def length(self) -> int:
        """Bytes of the record once joined."""
        return sum(length for _, length in self.parts) + 4 * (len(self.parts) - 1)


def pack(header: Header, payload: bytes) -> bytes:
    """Return the record of a header and its image. An empty label is written as the single number 0 (flag 0)."""
    label = np.ascontiguousarray(header.label, dtype="<f4").reshape(-1)
    return _HEADER.pack(label.size, 0.0, header.id, header.id2) + label.tobytes() + payload


def unpack(record: bytes, place: RecordLocation | None = None) -> tuple[Header, bytes]:
    """Return the header and image bytes of a record. Raises `RecordError` if it is shorter than its label claims."""
    if len(record) < _HEADER.size:
        size = counted(len(record), "byte")
        raise RecordError(f"the record has {size}, its header alone takes {_HEADER.size}", place)
    flag, number, identity, identity2 = _HEADER.unpack_from(record)
    end = _HEADER.size + 4 * flag
    if end > len(record):
        room, label_size = (len(record) - _HEADER.size) // 4, counted(flag, "number")
        raise RecordError(f"the header announces a label of {label_size}, the record has room for {room:,}", place)
    label = np.frombuffer(record, "<f4", flag, _HEADER.size) if flag else np.array([number], "<f4")
    return Header(label.astype(np.float32), identity, identity2), record[end:]


def frame(record: bytes) -> bytes:
    """Return a record as stored in a shard: split at the magic number, with heads and padding.

    Raises `RecordError` if it is too long.
    """
    if len(record) > MAX_LENGTH:
        raise RecordError(f"a record of {len(record)} bytes; RecordIO holds at most {MAX_LENGTH}")
    cuts = _cuts(record)
    starts = [0] + [cut + 4 for cut in cuts]
    pieces = [record[start:end] for start, end in zip(starts, [*cuts, len(record)], strict=True)]
    flags = [_WHOLE] if len(pieces) == 1 else [_FIRST] + [_MIDDLE] * (len(pieces) - 2) + [_LAST]
    parts = b"".join(_part(flag, piece) for flag, piece in zip(flags, pieces, strict=True))
    return parts + bytes(-len(parts) % 4)


def walk_parts(buffer: Buffer, offset: int, shard: Path | None = None) -> Iterator[tuple[int, int]]:
    """Yield (start, length) in bytes of the payload of each part of the record whose frame begins at byte `offset`.

    Raises `FrameError` with the record's place if the next part is missing.
    """
    place = RecordLocation(shard, offset=offset)
    if not 0 <= offset < len(buffer):
        problem = f"byte {offset} is outside of the shard, which has {counted(len(buffer), 'byte')}"
        raise FrameError(problem, place, "truncated")
    start, flag, expected = offset, _FIRST, (_WHOLE, _FIRST)
    while flag in (_FIRST, _MIDDLE):
        flag, length = _read_part(buffer, start, place)
        if flag not in expected:
            at = "a record's start" if start == offset else "the continuation of a split record"
            raise FrameError(f"the part at byte {start} has flag {flag}, which cannot be at {at}", place, "flags")
        yield start + _PART.size, length
        start += _PART.size + length + (-length % 4)
        expected = (_MIDDLE, _LAST)


def frame_at(buffer: Buffer, offset: int, shard: Path | None = None) -> Frame:
    """Return the frame that begins at byte `offset`. Raises `FrameError` with its place if there is no whole record."""
    parts = tuple(walk_parts(buffer, offset, shard))
    start, length = parts[-1]
    return Frame(offset, start + length + (-length % 4) - offset, parts)


def scan(buffer: Buffer, shard: Path | None = None, start: int = 0) -> Iterator[Frame]:
    """Yield all frames from byte `start` on, reading heads only. Raises `RecordError` at the first damage."""
    while start < len(buffer):
        found = frame_at(buffer, start, shard)
        yield found
        start += found.size


def resync(buffer: Buffer, start: int) -> int | None:
    """Return the first byte offset from `start` on where a record may begin, or None if there is none.

    That is a magic number whose part has flag 0 or 1, at any byte: after bytes are lost, nothing is aligned.
    """
    end = max(len(buffer) - 4, 0)
    at = buffer.find(_MAGIC_BYTES, start, end)
    while at >= 0 and _PART.unpack_from(buffer, at)[1] >> 29 > _FIRST:
        at = buffer.find(_MAGIC_BYTES, at + 1, end)
    return at if at >= 0 else None


def join(buffer: Buffer, found: Frame) -> bytes:
    """Return the record's bytes: its parts, joined by the magic number that split them."""
    return _MAGIC_BYTES.join(bytes(buffer[start : start + length]) for start, length in found.parts)


@contextmanager
def map_shard(path: Path) -> Iterator[Buffer]:
    """Map the bytes of a shard read-only. Raises `DatasetError` if it cannot be read."""
    try:
        with open(path, "rb") as file:
            empty = os.fstat(file.fileno()).st_size == 0  # mmap refuses an empty file
            mapped = None if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    # Not closed here: an array made from the buffer may outlive the block; the mapping is freed with its last user.
    yield b"" if mapped is None else mapped


def release(buffer: Buffer, start: int, end: int) -> None:
    """Give the memory of bytes that have been looked at back to the system, which reads them again if they are needed.

    Otherwise a process that goes through a mapped shard seems to need as much memory as that has bytes.
    """
    if isinstance(buffer, mmap.mmap):
        page = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
        if page < end:
            buffer.madvise(mmap.MADV_DONTNEED, page, end - page)


def read_record(source: Buffer | Path, offset: int) -> bytes:
    """Return the record whose frame begins at byte `offset` of a shard. Raises `RecordError` if it is damaged."""
    if isinstance(source, Path):
        with map_shard(source) as buffer:
            return join(buffer, frame_at(buffer, offset, source))
    return join(source, frame_at(source, offset))


def _part(flag: int, payload: bytes) -> bytes:
    return _PART.pack(MAGIC, flag << 29 | len(payload)) + payload


def _cuts(record: bytes) -> list[int]:
    """Return the positions of the magic number at multiples of 4, where the record must be split."""
    cuts, at = [], record.find(_MAGIC_BYTES)
    while at >= 0:
        aligned = at % 4 == 0
        cuts += [at] if aligned else []
        at = record.find(_MAGIC_BYTES, at + (4 if aligned else 1))
    return cuts


def _read_part(buffer: Buffer, start: int, place: RecordLocation) -> tuple[int, int]:
    """Return (flag, length) of the part at byte `start`; errors name the record's `place`."""
    size = len(buffer)
    if start + _PART.size > size:
        raise FrameError(f"the shard ends at byte {size}, inside the head of a record (truncated)", place, "truncated")
    magic, word = _PART.unpack_from(buffer, start)
    if magic != MAGIC:
        raise FrameError(f"no record begins at byte {start}: found {magic:#010x}, not the magic number", place, "magic")
    flag, length = word >> 29, word & MAX_LENGTH
    if flag > _LAST:
        raise FrameError(f"the part at byte {start} has flag {flag}; RecordIO knows 0 to 3", place, "flags")
    if start + _PART.size + length + (-length % 4) > size:
        part = counted(length, "byte")
        problem = f"a part of {part} begins at byte {start}, the shard ends at byte {size} (truncated)"
        raise FrameError(problem, place, "truncated")
    return flag, length
