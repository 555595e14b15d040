"""The work of `dali-ssd reshard`: records of shards, dealt out anew to other shards, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dali_ssd.errors import ConfigError, DatasetError, RecordError
from dali_ssd.records.dataset import Dataset, Part, concatenate, expand_paths
from dali_ssd.records.format.classes import CLASSES_FILE, names_or_none, require_same_classes
from dali_ssd.records.format.index import index_path
from dali_ssd.records.format.recordio import read_record, unpack
from dali_ssd.records.lint.findings import Finding, finding, summary
from dali_ssd.records.lint.framing import shard_structure
from dali_ssd.records.options import ReshardConfig
from dali_ssd.records.writer import ShardWriter, existing_files, require_utf8_names, shard_names, stem_of
from dali_ssd.util.files import locked, make_folder, require_folder
from dali_ssd.util.progress import Progress, track
from dali_ssd.util.words import counted, first_few

__all__ = ["CHECK_LISTS", "SHOWN", "Resharded", "reshard"]

CHECK_LISTS = "`dali-ssd check` lists all"
"""What is said where some of many findings are shown."""
SHOWN = 3
"""Findings of a kind that are printed, and that an error shows."""
_MENDED = ("misaligned", "index-missing")
"""Kinds of findings that no record is lost by, and that the new shards no longer have."""


class Resharded(NamedTuple):
    """The result: new shards, and what of the given ones is not in them."""

    shards: tuple[Path, ...]
    records: int
    classes: tuple[str, ...]
    """The names in `classes.txt` beside the new shards; none if the given shards have none."""
    left_out: tuple[Finding, ...]


def reshard(config: ReshardConfig) -> Resharded:
    """Deal the records of shards out to new ones, in file order or shuffled; all files or none.

    Each record keeps its bytes, and its key is its number over all new shards. Records are those that training reads:
    an index may leave some out. Only the places of records are in memory.

    Raises:
        ConfigError: if the new shards would replace a given one, or there are fewer records than shards.
        DatasetError: if a shard or a record cannot be read (records only with `on_bad="raise"`), none is left, or the
            class names beside the shards do not agree.
        DaliSsdError: if files exist already or writing fails.
    """
    shards = expand_paths(config.src)
    stem = config.stem or _common_stem(shards)
    require_folder("--out", config.out)
    require_utf8_names(config.out, stem)
    shard_names(stem, config.shards)  # refuses what cannot be, before a folder is made
    _require_others(shards, config.out, stem)
    classes = _class_names(config, shards)
    make_folder(config.out)
    with (
        locked(config.out),
        ShardWriter(config.out, stem, config.shards, overwrite=config.overwrite) as writer,
    ):
        dataset, left_out = _look_through(shards)
        if config.on_bad == "raise":
            _require_none(left_out)
        _require_enough(len(dataset), config, shards, left_out)
        for found in _copy(dataset, writer, config):
            if config.on_bad == "raise":
                _require_none([found])
            left_out.append(found)
        _require_enough(writer.count, config, shards, left_out)
        if classes:
            writer.beside(CLASSES_FILE, classes)
    return Resharded(writer.paths, writer.count, classes, tuple(left_out))


def _common_stem(shards: Sequence[Path]) -> str:
    stems = {stem_of(shard) for shard in shards}
    return stems.pop() if len(stems) == 1 else "data"


def _require_others(shards: Sequence[Path], out: Path, stem: str) -> None:
    """Raise `ConfigError` if a file that new shards would replace is a given shard or its index, by whatever name."""
    given = {_identity(path): shard for shard in shards for path in (shard, index_path(shard)) if path.exists()}
    for path in sorted(existing_files(out, stem), key=lambda path: path.suffix, reverse=True):  # shards before indexes
        if path.exists() and _identity(path) in given:
            raise ConfigError(
                f"{path} would be replaced, and belongs to the given shard {given[_identity(path)]}; choose another "
                "folder or --stem"
            )


def _identity(path: Path) -> tuple[int, int]:
    """Return what all names of a file have in common."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _class_names(config: ReshardConfig, shards: Sequence[Path]) -> tuple[str, ...]:
    """Return the class names for the new shards.

    Raises `DatasetError` if they are unclear, or there are others in the folder.
    """
    folders = sorted({shard.parent for shard in shards})
    named = [folder for folder in folders if (folder / CLASSES_FILE).exists()]
    without = [folder for folder in folders if folder not in named]
    if not config.classes and 0 < len(without) < len(folders):
        raise DatasetError(
            f"there are class names beside some of the shards, and none in {without[0]}; if the class ids of all mean "
            "the same, give the names by --classes"
        )
    classes, path = names_or_none(config.classes, shards), config.out / CLASSES_FILE
    if not classes and path.exists():
        raise DatasetError(
            f"{path} would name the classes of the new shards, and the given ones have no names; give theirs by "
            "--classes, or choose another folder"
        )
    if not config.overwrite or any(path.exists() and path.samefile(given / CLASSES_FILE) for given in named):
        require_same_classes(path, classes)  # other names would be the given shards' names, too
    return classes


def _look_through(shards: Sequence[Path]) -> tuple[Dataset, list[Finding]]:
    """Return the whole records of shards that the indexes list, and findings on all else in the shards."""
    parts: list[Part] = []
    findings: list[Finding] = []
    read, total = 0, sum(shard.stat().st_size for shard in shards)
    with Progress("reading shards (MB)", total >> 20) as progress:

        def advance(size: int) -> None:
            nonlocal read
            read += size
            progress.advance((read >> 20) - progress.done)

        for shard in shards:
            structure = shard_structure(shard, advance)
            keys = np.fromiter((key for _, key in structure.listed()), np.int64)
            offsets = np.fromiter((offset for offset, _ in structure.listed()), np.int64)
            parts.append(Part(shard, shard.stat().st_size, keys, offsets))
            findings += [found for found in structure.findings if found.kind not in _MENDED]
    return concatenate(parts), findings


def _copy(dataset: Dataset, writer: ShardWriter, config: ReshardConfig) -> Iterator[Finding]:
    """Write all records, in their new order; yield a finding for each that cannot be read, which is left out."""
    count = len(dataset)
    order = np.random.default_rng(config.seed).permutation(count) if config.shuffle else range(count)
    for number in track(order, f"writing {writer.stem}", count):
        place = dataset.place(number)
        assert place.shard is not None and place.offset is not None  # `place` always sets both
        record = read_record(place.shard, place.offset)
        try:
            unpack(record, place)
        except RecordError as error:
            yield finding("bad-header", place, error.problem)
        else:
            writer.write(record)


def _require_enough(count: int, config: ReshardConfig, shards: Sequence[Path], left_out: Sequence[Finding]) -> None:
    """Raise an error if there is not a record for each new shard."""
    if not count:
        names = ", ".join(first_few(shards, "shard"))
        raise DatasetError("\n".join([f"no records in {names}", *summary(left_out, SHOWN, CHECK_LISTS)]))
    if count < config.shards:
        raise ConfigError(
            f"{counted(count, 'record')} cannot fill {counted(config.shards, 'shard')}; give --shards {count} or fewer"
        )


def _require_none(findings: Iterable[Finding]) -> None:
    """Raise `DatasetError` if there are errors among the findings."""
    bad = [found for found in findings if found.severity == "error"]
    if bad:
        problem = f"{counted(len(bad), 'error')} in the shards, so nothing was written (--on-bad skip goes on):"
        raise DatasetError("\n".join([problem, *summary(bad, SHOWN, CHECK_LISTS)]))
