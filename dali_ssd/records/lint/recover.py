"""Search for every whole record in a shard that may be damaged anywhere, in time linear in its size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dali_ssd.errors import RecordLocation
from dali_ssd.records.format.recordio import MAGIC, Buffer, Frame, FrameError, frame_at, resync, walk_parts
from dali_ssd.records.lint.findings import Finding, finding

__all__ = ["recover"]

_CHUNK = 1 << 14
"""Words searched at once; few, since a record that contains others is searched again for each of them."""

_KIND = {"magic": "bad-magic", "flags": "bad-parts", "truncated": "truncated-shard"}


def recover(buffer: Buffer, shard: Path) -> Iterator[Frame | Finding]:
    """Yield the frames of all whole records in file order, and findings on the bytes between; takes any bytes."""
    chains = _Chains(buffer)
    at = 0
    while at < len(buffer):
        try:
            chains.check(at, shard)
        except FrameError as error:
            following = chains.next(at + 1)
            end = len(buffer) if following is None else following
            yield finding(_KIND[error.kind], error.place, f"{error.problem}; nothing usable up to byte {end}")
            at = end
            continue
        inside = chains.inside(at)
        if inside is None:
            found = frame_at(buffer, at, shard)
            yield found
            at += found.size
        else:
            problem = f"the record's length reaches over another record, which begins at byte {inside}"
            yield finding("swallowed", RecordLocation(shard, offset=at), problem)
            at = inside


class _Chains:
    """Checks whether a whole record begins at a byte.

    Results are stored for each part of a chain: otherwise a shard of many beginnings that all lead into one long chain
    of parts would take quadratic time.
    """

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = buffer
        self._ends: dict[int, bool] = {}

    def check(self, at: int, shard: Path | None = None) -> None:
        """Raise `FrameError` unless a whole record begins at byte `at`."""
        walked: list[int] = []
        ends = False
        try:
            for start, _ in walk_parts(self.buffer, at, shard):
                known = self._ends.get(start) if start != at + 8 else None
                if known is False:
                    raise FrameError("its parts lead to no end", RecordLocation(shard, offset=at), "flags")
                walked.append(start)
                if known:
                    break
            ends = True
        finally:
            self._ends.update(dict.fromkeys(walked[1:], ends))

    def begins(self, at: int) -> bool:
        """Return whether a whole record begins at byte `at`."""
        try:
            self.check(at)
        except FrameError:
            return False
        return True

    def next(self, start: int) -> int | None:
        """Return the byte offset of the first whole record that begins at or after byte `start`, or None."""
        at = resync(self.buffer, start)
        while at is not None and not self.begins(at):
            at = resync(self.buffer, at + 1)
        return at

    def inside(self, at: int) -> int | None:
        """Return the byte offset of a whole record inside the one at `at`, or None, as for every intact record.

        Only multiples of 4 count: a writer would have split the record there, while elsewhere the magic number may
        occur by chance. Parts are searched one by one, so that the search can stop before the end of a long record.
        """
        for start, length in walk_parts(self.buffer, at):
            words = np.frombuffer(self.buffer, "<u4", length // 4, start)
            for low in range(0, len(words), _CHUNK):
                for hit in low + np.flatnonzero(words[low : low + _CHUNK] == MAGIC):
                    if self.begins(start + 4 * int(hit)):
                        return start + 4 * int(hit)
        return None
