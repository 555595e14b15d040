"""Atomic writing of files, and the cache folder.

A file is written under a temporary name in its own folder, flushed to disk, and renamed onto its name. Two processes
that write the same file at once both succeed, and a reader sees one version or the other, whole.
"""

from __future__ import annotations

import codecs
import fcntl
import glob
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, TextIO, overload

from dali_ssd.errors import ConfigError, DaliSsdError, DatasetError

__all__ = [
    "atomic_open",
    "atomic_path",
    "cache_folder",
    "caching",
    "file_identity",
    "locked",
    "make_folder",
    "new_files",
    "not_utf8",
    "open_lines",
    "part_name",
    "read_text",
    "remove_leftovers",
    "replace",
    "require_folder",
    "require_folder_of",
    "sync_file",
    "temporary_name",
]


def temporary_name(path: Path) -> Path:
    """Return a hidden, unique name beside `path` with the same suffix, by which writers such as matplotlib's go."""
    return path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}.tmp{path.suffix}")


def remove_leftovers(folder: Path, stem: str) -> None:
    """Delete temporary files and folders of names that begin with `stem`, left by processes that were killed.

    Those that a process of this machine may still be writing are kept.
    """
    for path in folder.glob(f".{glob.escape(stem)}*.tmp*"):
        found = re.search(r"\.(\d+)-[0-9a-f]{8}\.tmp", path.name)
        if found is None or (int(found[1]) != os.getpid() and _runs(int(found[1]))):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Flush a written file to disk; raises errors that the kernel held back, such as a full disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(source: Path, target: Path) -> None:
    """Rename `source` onto `target` and flush the rename itself to disk."""
    os.replace(source, target)
    with suppress(OSError):  # some network file systems cannot sync a folder; the rename is done all the same
        sync_file(target.parent)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path to write to; at the end it becomes `path`, on any error it is deleted.

    Raises `DaliSsdError` if the file cannot be written, with the `OSError` as its cause.
    """
    path = Path(path)
    temporary = temporary_name(path)
    try:
        with _writing(path, temporary):
            yield temporary
            sync_file(temporary)
            replace(temporary, path)
    finally:
        with suppress(OSError):  # a read-only file system refuses even this, and the first error says more
            temporary.unlink(missing_ok=True)


@overload
def atomic_open(path: str | Path, mode: Literal["wb"] = "wb") -> AbstractContextManager[BinaryIO]: ...
@overload
def atomic_open(path: str | Path, mode: Literal["w"]) -> AbstractContextManager[TextIO]: ...
def atomic_open(path: str | Path, mode: Literal["wb", "w"] = "wb") -> AbstractContextManager[Any]:
    """Open `path` for writing bytes (`wb`) or UTF-8 text (`w`); see `atomic_path` for what happens at the end."""
    return _atomic_open(Path(path), mode)


def part_name(path: str | Path) -> Path:
    """Return the name that a file of `open_lines` has until it is whole."""
    return Path(f"{path}.part")


@contextmanager
def open_lines(path: str | Path) -> Iterator[TextIO]:
    """Open `path` for lines of UTF-8 text that stay if the work is interrupted.

    Each line is in the file `part_name(path)` as soon as it is written. At the end this becomes `path`; on any error
    it is kept. Raises `DaliSsdError` if the file cannot be written, with the `OSError` as its cause.
    """
    path, part = Path(path), part_name(path)
    with _writing(path, part):
        # Names in the lines may hold bytes that are not text; they are written unchanged.
        with open(part, "w", buffering=1, encoding="utf-8", errors="surrogateescape") as file:
            yield file
        sync_file(part)
        replace(part, path)


@contextmanager
def new_files(paths: Iterable[Path]) -> Iterator[None]:
    """Delete those of `paths` that the block has created if it fails, since they belong together."""
    new = [path for path in paths if not path.exists()]
    try:
        yield
    except BaseException:
        for path in new:
            path.unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path, waiting: Callable[[], object] | None = None) -> Iterator[bool]:
    """Let one process at a time work on what a folder, or a file that is made for this, stands for.

    If another one does, raise `DaliSsdError`; with `waiting`, call that and then wait until the other is done.
    Yields whether it is locked: some network file systems have no locks. Raises `DaliSsdError` if the file cannot be
    made.
    """
    descriptor = _open_to_lock(path)
    try:
        held = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is None:
                raise DaliSsdError(f"another process is writing to {path}; choose another folder") from None
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            held = False
        yield held
    finally:
        os.close(descriptor)


def cache_folder(cache_dir: str | Path | None = None, part: str = "") -> Path:
    """Return the folder for indexes and reports that can be made again, or a `part` of it; create it if missing.

    `cache_dir`, else the environment's DALI_SSD_CACHE, else `~/.cache/dali_ssd`. Raises `DatasetError` if it cannot be
    created.
    """
    folder = Path(cache_dir or os.environ.get("DALI_SSD_CACHE") or Path.home() / ".cache" / "dali_ssd") / part
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(
            f"cannot create the cache folder {folder}: {error.strerror}; set DALI_SSD_CACHE to one you can write to"
        ) from error
    return folder


@contextmanager
def caching() -> Iterator[None]:
    """Add the advice to choose another cache folder to errors of writing a file there."""
    try:
        yield
    except DaliSsdError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        raise DatasetError(f"{error}; set DALI_SSD_CACHE to a folder you can write to") from error.__cause__


def make_folder(folder: Path) -> None:
    """Make a folder for results if missing. Raises `DaliSsdError` if it, or files in it, cannot be created."""
    probe = temporary_name(folder / "probe")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DaliSsdError(f"cannot create files in {folder}: {error.strerror}; choose another folder") from error


def require_folder(option: str, folder: str | Path) -> None:
    """Raise ConfigError if what an option names as a folder is a file."""
    if Path(folder).exists() and not Path(folder).is_dir():
        raise ConfigError(f"{option} {folder} is a file; give a folder")


def require_folder_of(option: str, path: str | Path) -> None:
    """Raise ConfigError if the folder of a file that an option names is missing, or the file is a folder.

    Called before any work starts.
    """
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise ConfigError(f"{option} {path}: there is no folder {folder}")
    if Path(path).is_dir():
        raise ConfigError(f"{option} {str(path) or '(nothing)'} is a folder; give the name of a file")


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 if it begins with that byte-order mark, without the mark.

    Editors on Windows write such marks, which are invisible and would become part of the first word.
    """
    data = path.read_bytes()
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if marked else "utf-8-sig")


def not_utf8(path: Path) -> str | None:
    r"""Return a path that is not UTF-8 in printable form, with its odd bytes as `\xe9`; None if it is UTF-8."""
    raw = os.fsencode(path)
    shown = raw.decode("utf-8", "backslashreplace")
    return shown if os.fsencode(shown) != raw else None


def file_identity(path: Path) -> str:
    """Return 64 hexadecimal digits that change when the file at `path` does.

    They are a hash of its absolute path, its size, its inode and the times of its last changes: tools that copy files
    give a copy the old size and time of modification, but the time of change cannot be set.
    """
    status = path.stat()
    numbers = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    text = "\n".join(map(str, (path.resolve(), *numbers)))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _open_to_lock(path: Path) -> int:
    if path.is_dir():
        return os.open(path, os.O_RDONLY)
    try:
        # For writing, since some network file systems lock nothing else; another user's file can only be read.
        mine = not path.exists() or os.access(path, os.W_OK)
        return os.open(path, os.O_RDWR | os.O_CREAT if mine else os.O_RDONLY, 0o666)
    except OSError as error:
        raise DaliSsdError(f"cannot write {path}: {error.strerror}") from error


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def _writing(path: Path, temporary: Path) -> Iterator[None]:
    """Raise errors of writing a file as `DaliSsdError`, with the `OSError` as their cause."""
    try:
        yield
    except OSError as error:
        failed = _writing_failed(error, path, temporary)
        if failed is None:
            raise
        raise failed from error


def _writing_failed(error: OSError, path: Path, temporary: Path) -> DaliSsdError | None:
    """Return the error to raise instead of `error` if that came from writing `path`, else None."""
    if error.errno is None or (error.filename is not None and str(error.filename) not in (str(path), str(temporary))):
        return None
    return DaliSsdError(f"cannot write {path}: {os.strerror(error.errno)}")


@contextmanager
def _atomic_open(path: Path, mode: str) -> Iterator[IO[Any]]:
    # File names may hold bytes that are not text; they are written unchanged.
    encoding, errors = (None, None) if "b" in mode else ("utf-8", "surrogateescape")
    with atomic_path(path) as temporary, open(temporary, mode, encoding=encoding, errors=errors) as file:
        yield file
