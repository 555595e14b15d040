"""Framing and index of a shard: every record that can be found, and findings on the rest."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import DatasetError, RecordLocation
from dali_ssd.records.format.index import Index, index_path, read_index
from dali_ssd.records.format.recordio import Frame, map_shard, release
from dali_ssd.records.lint.findings import Finding, finding
from dali_ssd.records.lint.recover import recover

__all__ = ["Structure", "left_out_path", "read_left_out", "shard_structure"]

_STEP = 1 << 25
"""Bytes that are read at a time."""
_FOREIGN = 0.5
"""An index is taken for another file's if less than this share of its entries fit the shard."""


@dataclass
class Structure:
    """The records of a shard, with their keys, and findings on its structure."""

    shard: Path
    offsets: array[int] = field(default_factory=lambda: array("q"))
    """Byte offsets of the whole records, ascending."""
    lengths: array[int] = field(default_factory=lambda: array("q"))
    """Bytes of each record."""
    keys: list[int | None] = field(default_factory=list)
    """Their keys; None if the index does not list the record. Without an index: numbers from 0."""
    findings: list[Finding] = field(default_factory=list)

    def listed(self) -> Iterator[tuple[int, int]]:
        """Yield byte offset and key of the records that the index lists."""
        return ((offset, key) for offset, key in zip(self.offsets, self.keys, strict=True) if key is not None)

    def index_unlisted(self) -> None:
        """Give keys to the records that the index does not list, except those left out on purpose."""
        meant, free = read_left_out(self.shard), 1 + max((key for key in self.keys if key is not None), default=-1)
        for number, offset in enumerate(self.offsets):
            if self.keys[number] is None and offset not in meant:
                self.keys[number], free = free, free + 1
                self.findings += _misaligned(self.shard, offset, self.keys[number])


def left_out_path(shard: Path) -> Path:
    """Return the file that lists the records left out of a shard's index on purpose: byte offset, tab, reason."""
    return shard.with_suffix(".left-out.txt")


def read_left_out(shard: Path) -> set[int]:
    """Return the byte offsets of records left out of a shard's index on purpose; empty without such a file."""
    try:
        lines = left_out_path(shard).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    words = (line.split("\t", 1)[0] for line in lines)
    return {int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 19}


def shard_structure(shard: Path, passed: Callable[[int], object] = lambda _: None) -> Structure:
    """Read framing and index of a shard, with all findings. Raises `DatasetError` if the shard cannot be read.

    `passed` is called now and then, and at the end, with the number of further bytes that have been read.
    """
    structure = Structure(shard)
    with map_shard(shard) as buffer:
        start = 0
        for item in recover(buffer, shard):
            if isinstance(item, Frame):
                structure.offsets.append(item.offset)
                structure.lengths.append(item.length)
                if item.offset >= start + _STEP:
                    release(buffer, start, item.offset)
                    passed(item.offset - start)
                    start = item.offset
            else:
                structure.findings.append(item)
        passed(len(buffer) - start)
    if not structure.offsets and not structure.findings:
        structure.findings.append(finding("empty-shard", RecordLocation(shard), "no records"))
    indexed = _attach_index(structure)
    for offset, key in zip(structure.offsets, structure.keys, strict=True):
        structure.findings += _misaligned(shard, offset, key)
    if indexed:
        _left_out(structure)
    _tell_once(structure)
    return structure


def _tell_once(structure: Structure) -> None:
    """Merge the findings on damage and on the index entry that points at it into one, with the entry's key."""
    keys = {found.place.offset: found.place.key for found in structure.findings if found.kind == "index-misfit"}
    damaged = {found.place.offset for found in structure.findings if _is_damage(found)}
    structure.findings = [
        replace(found, place=replace(found.place, key=keys.get(found.place.offset))) if _is_damage(found) else found
        for found in structure.findings
        if found.kind != "index-misfit" or found.place.offset not in damaged
    ]


def _is_damage(found: Finding) -> bool:
    """Return whether a finding means that no whole record is there."""
    return found.meaning.repair == "drop bytes"


def _misaligned(shard: Path, offset: int, key: int | None) -> Iterator[Finding]:
    """Yield a finding if a record with a key, which is read, begins where none should."""
    if offset % 4 and key is not None:
        yield finding("misaligned", RecordLocation(shard, key, offset), "the record begins at no multiple of 4")


def _attach_index(structure: Structure) -> bool:
    """Take the keys from the index; return whether it could be used."""
    path = index_path(structure.shard)
    structure.keys = list(range(len(structure.offsets)))
    if not path.exists():
        structure.findings.append(finding("index-missing", RecordLocation(structure.shard), f"there is no {path.name}"))
        return False
    try:
        index = read_index(path)
    except DatasetError as error:
        structure.findings.append(finding("index-unreadable", RecordLocation(structure.shard), str(error)))
        return False
    fits = np.isin(index.offsets, np.array(structure.offsets, np.int64))
    if len(index) and fits.mean() < _FOREIGN:
        misfits = len(index) - int(fits.sum())
        message = f"entries of {path.name} that fit no record of the shard: {misfits:,} of {len(index):,}"
        structure.findings.append(finding("index-foreign", RecordLocation(structure.shard), message))
        return False
    structure.findings += _misfits(structure.shard, index, fits)
    structure.findings += _duplicates(structure.shard, index)
    keys = dict(zip(index.offsets[fits].tolist(), index.keys[fits].tolist(), strict=True))
    structure.keys = [keys.get(offset) for offset in structure.offsets]
    return True


def _misfits(shard: Path, index: Index, fits: NDArray[np.bool_]) -> Iterator[Finding]:
    for number in np.flatnonzero(~fits):
        place = RecordLocation(shard, int(index.keys[number]), int(index.offsets[number]))
        yield finding("index-misfit", place, f"no whole record begins at byte {place.offset}")


def _duplicates(shard: Path, index: Index) -> Iterator[Finding]:
    for kind, numbers in (("index-duplicate-key", index.keys), ("index-duplicate-offset", index.offsets)):
        values, first, counts = np.unique(numbers, return_index=True, return_counts=True)
        for value, at, count in zip(values[counts > 1], first[counts > 1], counts[counts > 1], strict=True):
            place = RecordLocation(shard, int(index.keys[at]), int(index.offsets[at]))
            yield finding(kind, place, f"{kind.rsplit('-', 1)[1]} {value} stands in the index {count} times")


def _left_out(structure: Structure) -> None:
    """Add findings on records that the index does not list; turn damage left out on purpose into notes."""
    meant = read_left_out(structure.shard)
    for offset, length, key in zip(structure.offsets, structure.lengths, structure.keys, strict=True):
        if key is None:
            kind = "left-out" if offset in meant else "unindexed"
            place = RecordLocation(structure.shard, offset=offset)
            structure.findings.append(finding(kind, place, f"a record of {length} bytes is not in the index"))
    structure.findings = [
        finding("left-out", found.place, found.message) if _is_damage(found) and found.place.offset in meant else found
        for found in structure.findings
    ]
