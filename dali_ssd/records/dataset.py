"""A dataset: one or many shards as one list of records, and the merged index that DALI's reader needs for them."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import ConfigError, DatasetError, RecordLocation
from dali_ssd.records.format.classes import find_classes, read_classes
from dali_ssd.records.format.image_header import read_raster
from dali_ssd.records.format.index import Index, ensure_index, read_index, write_index
from dali_ssd.records.format.labels import parse_label
from dali_ssd.records.format.recordio import Header, read_record, unpack
from dali_ssd.util.files import cache_folder, caching
from dali_ssd.util.turns import one_at_a_time
from dali_ssd.util.words import counted, first_few

if TYPE_CHECKING:
    from dali_ssd.config import CoordinateUnit
    from dali_ssd.visualize.grid import Tile

__all__ = [
    "Dataset",
    "Part",
    "Paths",
    "Record",
    "concatenate",
    "expand_paths",
    "find_classes",
    "list_paths",
    "open_dataset",
    "read_classes",
]

_PICTURE, _THUMBNAIL = 480, 220
"""Pixels of the longer side of pictures in a notebook, of one record and of several."""

Paths: TypeAlias = "str | Path | Sequence[str | Path]"


def expand_paths(paths: Paths) -> tuple[Path, ...]:
    """Return the shards that a path, paths or patterns such as `data/train-*.rec` match; those of a pattern are sorted.

    Raises `DatasetError` for a path without a file, a folder, an index, or a shard given twice; `ConfigError` for what
    is no path.
    """
    given = list_paths(paths)
    if not given:
        raise DatasetError("no shards given; give a .rec file, many, or a pattern such as 'data/train-*.rec'")
    shards = [shard for path in given for shard in _expand(path)]
    seen: set[Path] = set()
    for shard in shards:
        if shard.suffix == ".idx":
            raise DatasetError(f"{shard} is an index; give the shard it belongs to, {shard.with_suffix('.rec')}")
        if shard.resolve() in seen:
            raise DatasetError(f"the shard {shard} is given twice; its records would count double")
        seen.add(shard.resolve())
    return tuple(shards)


def list_paths(paths: Paths) -> list[str | Path]:
    """Return one path, many or patterns as a list. Raises `ConfigError` for what is no path."""
    given = list(paths) if isinstance(paths, Iterable) and not isinstance(paths, str | bytes) else [paths]
    for path in given:
        if not isinstance(path, str | Path):
            raise ConfigError(f"shards must be a path or pattern such as 'data/train-*.rec', or many, not {path!r:.80}")
    return given


@dataclass(frozen=True, eq=False)
class Record:
    """One record, which a notebook shows as a picture."""

    place: RecordLocation
    header: Header
    image: bytes = field(repr=False)
    """The image file."""

    def _repr_html_(self) -> str:
        from dali_ssd.visualize.card import card, known_classes
        from dali_ssd.visualize.stored import stored_tile

        shards = [] if self.place.shard is None else [self.place.shard]
        read = partial(stored_tile, self.header, self.image, self.place, enough=_PICTURE)
        return card("Record", self._facts, [read], known_classes(shards), side=_PICTURE)

    def _facts(self) -> dict[str, object]:
        raster = read_raster(self.image)
        facts: dict[str, object] = {"shard": self.place.shard, "key": self.place.key}
        if raster is not None:
            facts["image"] = f"{raster.width} x {raster.height} {raster.kind}, {counted(len(self.image), 'byte')}"
        return {**facts, "objects": len(parse_label(self.header.label, self.place))}


@dataclass(frozen=True, eq=False)
class Dataset:
    """The records of shards, in file order. Made by `open_dataset`; shards without records are left out.

    `dataset[i]` is record i, 0 to len - 1. A notebook shows what a dataset or a record is, with pictures.
    """

    shards: tuple[Path, ...]
    """The files that DALI's reader reads, in this order, with `merged_index`."""
    starts: NDArray[np.int64]
    """(len(shards) + 1,) int64: byte at which each shard begins in the concatenation of all; then the total."""
    keys: NDArray[np.int64]
    """(n,) int64: each record's key in its shard's own index."""
    offsets: NDArray[np.int64]
    """(n,) int64, ascending: byte offset of each record in the concatenation of the shards."""

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, i: SupportsIndex) -> Record:
        """Return record `i`, from the end if it is negative.

        Raises IndexError if there is none, `ConfigError` for a slice, or `RecordError` if the record is damaged.
        """
        if not isinstance(i, SupportsIndex):
            raise ConfigError(f"give the number of one record, not {i!r}; for several, [dataset[i] for i in range(8)]")
        try:
            number = range(len(self))[i]
        except IndexError:
            raise IndexError(f"there is no record {i}; the dataset has records 0 to {len(self) - 1}") from None
        return Record(self.place(number), *self.read(number))

    def __iter__(self) -> Iterator[Record]:
        """Yield all records. Raises `RecordError` at one that is damaged."""
        return (self[i] for i in range(len(self)))

    def _repr_html_(self) -> str:
        from dali_ssd.visualize.card import card, known_classes

        classes = known_classes(self.shards)
        return card("Dataset", lambda: self.facts(classes), self.pictures(), classes)

    def facts(self, classes: Sequence[str] = ()) -> dict[str, object]:
        """Return what a notebook says of the records: how many, in which shards, of which classes."""
        names = ", ".join(first_few([shard.name for shard in self.shards], "shard"))
        facts: dict[str, object] = {"records": f"{len(self):,}", "shards": f"{len(self.shards)}: {names}"}
        return {**facts, "classes": ", ".join(first_few(classes, "class", 20))} if classes else facts

    def pictures(self, count: int = 4, unit: CoordinateUnit | None = None) -> list[Callable[[], Tile]]:
        """Return functions that read pictures of `count` records from all over the dataset."""
        from dali_ssd.visualize.stored import stored_tile

        def read(number: int) -> Tile:
            return stored_tile(*self.read(number), self.place(number), unit=unit, enough=_THUMBNAIL)

        numbers = {int(number) for number in np.linspace(0, len(self) - 1, min(count, len(self)))}
        return [partial(read, number) for number in sorted(numbers)]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Number of each shard by its path."""
        return {str(shard): number for number, shard in enumerate(self.shards)}

    def shard_of(self, offset: int) -> int:
        """Return the number of the shard that contains byte `offset` of the concatenation."""
        return int(np.searchsorted(self.starts, offset, side="right")) - 1

    def place(self, i: int) -> RecordLocation:
        """Return shard, key and byte offset of record `i` (0 to len - 1)."""
        shard = self.shard_of(int(self.offsets[i]))
        return RecordLocation(self.shards[shard], int(self.keys[i]), int(self.offsets[i] - self.starts[shard]))

    def find(self, shard: str | Path, offset: int) -> int | None:
        """Return the number of the record that begins at byte `offset` of a shard, or None if there is none."""
        number = self._numbers.get(str(shard))
        if number is None:
            return None
        i = int(np.searchsorted(self.offsets, self.starts[number] + offset))
        return i if i < len(self) and self.offsets[i] == self.starts[number] + offset else None

    def number_of(self, key: int) -> int:
        """Return the number of the record with a key. Raises `DatasetError` if there is none, or several."""
        found = np.flatnonzero(self.keys == key)
        if not len(found):
            some = ", ".join(first_few(np.unique(self.keys).tolist(), "key"))
            raise DatasetError(f"no record has the key {key}; the keys are {some}")
        if len(found) > 1:
            places = "; ".join(first_few([self.place(int(number)) for number in found], "record"))
            raise DatasetError(f"several records have the key {key}: {places}; give the shard of one of them alone")
        return int(found[0])

    def read(self, i: int) -> tuple[Header, bytes]:
        """Return the header and image bytes of record `i`. Raises `RecordError` with its place if it is damaged."""
        place = self.place(i)
        assert place.shard is not None and place.offset is not None  # `place` always sets both
        return unpack(read_record(place.shard, place.offset), place)

    def require_sizes(self) -> None:
        """Raise `DatasetError` unless each shard still has the size that it had when its records were found."""
        for shard, size in zip(self.shards, np.diff(self.starts), strict=True):
            try:
                now = shard.stat().st_size
            except OSError as error:
                raise DatasetError(f"cannot read {shard}: {error.strerror}; it was there when the run began") from error
            if now != size:
                raise DatasetError(f"{shard} has changed from {counted(size, 'byte')} to {now:,} since the run began")

    def without(self, records: Iterable[int]) -> Dataset:
        """Return the dataset without some records, and without shards that lose all of theirs."""
        keep = np.ones(len(self), bool)
        keep[list(records)] = False
        sizes, owner = np.diff(self.starts), np.searchsorted(self.starts, self.offsets, side="right") - 1
        parts = [
            Part(
                shard, int(sizes[k]), self.keys[keep & (owner == k)], self.offsets[keep & (owner == k)] - self.starts[k]
            )
            for k, shard in enumerate(self.shards)
        ]
        return concatenate(parts)

    def merged_index(self, folder: str | Path | None = None) -> Path:
        """Write the index of the concatenation of `shards`, for DALI's `readers.mxnet`; return its path.

        The file name is a hash of the content, so runs share it safely. `folder` defaults to the cache folder.
        """
        # DALI 2.4 does not check whether the last entry begins a new file: if the last shard has only one record, it
        # would be read from the file before. One more entry of no bytes at the end avoids that; DALI skips it.
        index = Index(np.arange(len(self) + 1), np.append(self.offsets, self.starts[-1]))
        digest = hashlib.sha256("\n".join(map(str, self.shards)).encode("utf-8", "surrogateescape"))
        digest.update(self.offsets.tobytes())
        parent = cache_folder(None, "merged") if folder is None else cache_folder(folder)
        path = parent / f"{digest.hexdigest()[:32]}.idx"
        if not _is_written(path, index):
            with one_at_a_time(parent, "writing the index of these shards", [path]):
                if not _is_written(path, index):
                    with caching():
                        write_index(path, index)
        return path


class Part(NamedTuple):
    """One shard's share of a dataset."""

    shard: Path
    size: int
    """Bytes."""
    keys: NDArray[np.int64]
    """(n,) int64."""
    offsets: NDArray[np.int64]
    """(n,) int64, ascending, in the shard."""


def concatenate(parts: Sequence[Part]) -> Dataset:
    """Return the dataset of the records of shards.

    Shards without records are dropped: DALI advances by one file at a time while it walks the index, so a file
    that no entry points into would shift all that follow.
    """
    parts = [part for part in parts if len(part.keys)]
    starts = np.cumsum([0] + [part.size for part in parts], dtype=np.int64)
    none = np.zeros(0, np.int64)
    keys = np.concatenate([none] + [part.keys for part in parts])
    offsets = np.concatenate([none] + [part.offsets + start for part, start in zip(parts, starts[:-1], strict=True)])
    return Dataset(tuple(part.shard for part in parts), starts, keys, offsets)


def open_dataset(paths: Paths, cache_dir: str | Path | None = None) -> Dataset:
    """Open one shard, many, or a pattern; missing indexes are built. Raises `DatasetError`, `RecordError`."""
    shards = expand_paths(paths)
    dataset = concatenate([_open_shard(shard, cache_dir) for shard in shards])
    if not len(dataset):
        some = f"{', '.join(map(str, shards[:5]))}{' ...' if len(shards) > 5 else ''}"
        raise DatasetError(f"no records in {some}: write them again by `dali-ssd convert`, or give other shards")
    return dataset


def _expand(path: str | Path) -> list[Path]:
    """Return the files that a path or pattern matches, sorted."""
    if Path(path).is_dir():
        path = path or "."
        raise DatasetError(f"{path} is a folder; give its shards, such as '{Path(path) / '*.rec'}'")
    if Path(path).exists():
        if not Path(path).is_file():
            raise DatasetError(f"{path} is a device or a pipe; shards are files, which are read in any order")
        return [Path(path)]
    found = sorted(Path(name) for name in glob.glob(str(Path(path).expanduser()), recursive=True))
    if not found:
        kind = "no file matches" if glob.has_magic(str(path)) else "there is no file"
        raise DatasetError(f"{kind} {path}; shards are .rec files, `dali-ssd convert` makes them from VOC or COCO data")
    return found


def _is_written(path: Path, index: Index) -> bool:
    """Return whether an earlier run left the same index: the cache may be read-only by now."""
    try:
        there = read_index(path)
    except DatasetError:
        return False
    return np.array_equal(there.keys, index.keys) and np.array_equal(there.offsets, index.offsets)


def _open_shard(shard: Path, cache_dir: str | Path | None) -> Part:
    index = read_index(ensure_index(shard, cache_dir))
    order = np.argsort(index.offsets)
    return Part(shard, shard.stat().st_size, index.keys[order], index.offsets[order])
