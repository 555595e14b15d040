"""Writing shards: records distributed in turn over one or many `.rec` files with their `.idx`, all files or none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from dali_ssd.errors import ConfigError, DaliSsdError
from dali_ssd.records.format.index import index_path
from dali_ssd.records.format.recordio import frame
from dali_ssd.util.files import not_utf8, replace, sync_file, temporary_name

__all__ = ["NewFiles", "ShardFile", "ShardWriter", "existing_files", "require_utf8_names", "shard_names", "stem_of"]

MAX_SHARDS = 99_999
_NUMBER = r"-\d{5}-of-\d{5}"
"""What a set of several shards adds to its stem."""


def shard_names(stem: str, num_shards: int) -> tuple[str, ...]:
    """Return the file names of a set of shards: `stem.rec`, or `stem-00000-of-00004.rec` and so on."""
    if not 1 <= num_shards <= MAX_SHARDS:
        raise ConfigError(f"the number of shards must be 1 to {MAX_SHARDS}, not {num_shards}")
    if not stem or "/" in stem or stem.startswith("."):
        raise ConfigError(f"the name of the shards must be a plain file name, not {stem!r}")
    if num_shards == 1:
        return (f"{stem}.rec",)
    return tuple(f"{stem}-{i:05d}-of-{num_shards:05d}.rec" for i in range(num_shards))


def existing_files(folder: Path, stem: str) -> list[Path]:
    """Return the shards and indexes of a stem in a folder, of sets of any number of shards.

    `ShardWriter` refuses to write beside them, or replaces them all: those left over would be read with the new ones.
    """
    pattern = re.compile(rf"{re.escape(stem)}({_NUMBER})?\.(rec|idx)")
    return sorted(path for path in folder.glob("*") if pattern.fullmatch(path.name))


def stem_of(shard: Path) -> str:
    """Return the stem that a shard has in common with the others of its set."""
    return re.sub(rf"{_NUMBER}$", "", shard.stem)


def require_utf8_names(folder: Path, stem: str) -> None:
    """Raise `DaliSsdError` if shards of this stem would have a name that DALI cannot open."""
    odd = not_utf8(folder / stem)
    if odd is not None:
        raise DaliSsdError(
            f"shards named {odd} cannot be opened by DALI, since that is not UTF-8; choose another folder or name"
        )


class NewFiles:
    """Files that belong together, under temporary names until `commit`."""

    def __init__(self, *targets: Path) -> None:
        self.targets = targets
        self.temporaries = tuple(temporary_name(target) for target in targets)
        self.files: list[BinaryIO] = []

    def open(self) -> None:
        """Create the files under their temporary names."""
        for temporary in self.temporaries:
            self.files.append(open(temporary, "xb"))  # noqa: SIM115 - `close` and `discard` close it

    def close(self) -> None:
        """Flush the files to disk."""
        for file in self.files:
            file.close()
        for temporary in self.temporaries:
            sync_file(temporary)

    def commit(self) -> None:
        """Rename the files to their final names."""
        for temporary, target in zip(self.temporaries, self.targets, strict=True):
            replace(temporary, target)

    def discard(self, committed: bool) -> None:
        """Delete the files, under their final names too if `committed`."""
        for file in self.files:
            with suppress(OSError):  # closing flushes, which fails again on a full disk
                file.close()
        for path in self.temporaries + (self.targets if committed else ()):
            with suppress(OSError):  # a read-only file system refuses this as well
                path.unlink(missing_ok=True)


class ShardFile(NewFiles):
    """One `.rec` and its `.idx`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, index_path(path))
        self.size = 0

    def write(self, key: int, framed: bytes) -> None:
        """Append a framed record (see `recordio.frame`)."""
        self.files[0].write(framed)
        self.files[1].write(f"{key}\t{self.size}\n".encode())
        self.size += len(framed)


class ShardWriter:
    """Context manager that writes records into `num_shards` shards of a folder, record i into shard i % num_shards.

    Files, those of `beside` too, get their final names once the block ends without an exception; after an exception
    none of them are left, and those that they were to replace are as they were. Raises `DaliSsdError` if shards of this
    stem exist already (unless `overwrite`) or writing fails.
    """

    def __init__(self, folder: str | Path, stem: str, num_shards: int = 1, *, overwrite: bool = False) -> None:
        self.folder = Path(folder)
        self.stem = stem
        self.paths = tuple(self.folder / name for name in shard_names(stem, num_shards))
        self.count = 0
        """Records written so far; also the key of the next."""
        self._overwrite = overwrite
        self._shards: list[ShardFile] = []
        self._texts: list[NewFiles] = []

    def __enter__(self) -> ShardWriter:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            existing = existing_files(self.folder, self.stem)
            if existing and not self._overwrite:
                raise DaliSsdError(f"{existing[0]} exists already; choose another name or folder, or add --overwrite")
            self._shards = [ShardFile(path) for path in self.paths]
            for shard in self._shards:
                shard.open()
        except BaseException as error:
            self._discard(committed=False)
            if isinstance(error, OSError):
                raise self._failed(error) from error
            raise
        return self

    def write(self, record: bytes, key: int | None = None) -> None:
        """Append a record (see `recordio.pack`); its key defaults to its number over all shards."""
        framed = frame(record)
        try:
            self._shards[self.count % len(self._shards)].write(self.count if key is None else key, framed)
        except OSError as error:
            raise self._failed(error) from error
        self.count += 1

    def beside(self, name: str, lines: Iterable[str]) -> None:
        """Write a text file into the folder, in place of one that is there."""
        text = NewFiles(self.folder / name)
        self._texts.append(text)
        try:
            text.open()
            text.files[0].writelines(f"{line}\n".encode() for line in lines)
        except OSError as error:
            raise self._failed(error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._discard(committed=False)
            return
        try:
            self._commit()
        except OSError as failure:
            raise self._failed(failure) from failure

    def _commit(self) -> None:
        """Rename all files once they are whole on disk; after a failure half way, what was there is there again."""
        texts = [path for text in self._texts for path in text.targets if path.exists()]
        old = {path: temporary_name(path) for path in [*existing_files(self.folder, self.stem), *texts]}
        renaming = False
        try:
            for new in self._new:
                new.close()
            for path, aside in old.items():
                path.rename(aside)
            renaming = True
            for new in self._new:
                new.commit()
        except BaseException:
            self._discard(committed=renaming)
            for path, aside in old.items():
                with suppress(FileNotFoundError):  # it was not set aside yet
                    aside.rename(path)
            raise
        for aside in old.values():
            with suppress(OSError):  # the new files are there, and that counts
                aside.unlink()

    @property
    def _new(self) -> list[NewFiles]:
        return [*self._shards, *self._texts]

    def _discard(self, committed: bool) -> None:
        for new in self._new:
            new.discard(committed)

    def _failed(self, error: OSError) -> DaliSsdError:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return DaliSsdError(f"cannot write the shards {self.folder / self.stem}*.rec: {reason}")
