"""The image files and shards that paths, folders and patterns stand for."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from dali_ssd.errors import DatasetError
from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.format.image_header import FORMATS
from dali_ssd.util.words import counted

__all__ = ["Inputs", "find_inputs"]

_KINDS = (*FORMATS, "AVIF", "GIF", "ICO", "MPO", "PSD", "TGA")
"""Formats by whose suffixes images are found in folders, by Pillow's names; it reads movies and documents too."""


@dataclass(frozen=True)
class Inputs:
    """What is to be read, each file once."""

    images: tuple[Path, ...] = ()
    shards: tuple[Path, ...] = ()
    passed_over: int = 0
    """Files in folders whose names are not those of images."""
    folders: tuple[Path, ...] = ()
    """Where images were looked for."""
    results: int = 0
    """Files of earlier results, which were left alone."""


def find_inputs(paths: Sequence[str], out: Path | None = None) -> Inputs:
    """Return what paths stand for: a folder is all images in it and in the folders below.

    What is in `out`, the folder for results, is left alone unless a path names a place in there.
    Raises DatasetError for a path that is not there, a pattern without a match, a shard given twice, or if there is
    nothing to read.
    """
    images: dict[Path, Path] = {}
    shards: list[Path] = []
    folders: list[Path] = []
    results: set[Path] = set()
    passed_over = 0
    for given, path in ((name, found) for name in paths for found in _expand(name)):
        files = sorted(_files_below(path)) if path.is_dir() else [path]
        if out is not None and not _within(given, out):
            results.update(file for file in files if _within(file, out))
            files = [file for file in files if file not in results]
        if path.is_dir():
            folders.append(path)
            inside = [file for file in files if file.suffix.lower() in _suffixes()]
            passed_over += len(files) - len(inside)
            files = inside
        elif path.suffix in (".rec", ".idx"):
            shards += files
            continue
        for file in files:
            images.setdefault(_real(file), file)
    if not images and not shards:
        raise DatasetError(
            f"no images among {counted(passed_over, 'file')} in {', '.join(paths)}; give image files, folders of them, "
            "or shards"
        )
    found = expand_paths(shards) if shards else ()
    return Inputs(tuple(images.values()), found, passed_over, tuple(folders), len(results))


def _expand(path: str) -> list[Path]:
    """Return the files and folders that a path or pattern matches."""
    plain = Path(path).expanduser()
    if plain.exists():
        return [plain]
    found = sorted(glob.glob(str(plain), recursive=True))
    if not found:
        kind = "nothing matches" if glob.has_magic(path) else "there is no"
        raise DatasetError(f"{kind} {path}; give image files, folders of them, or shards")
    return [Path(name) for name in found]


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and in those below, but for hidden ones.

    Pipes and links that lead nowhere too, so that each is named when it cannot be read.
    """
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and not path.is_dir():
            yield path


def _within(path: str | Path, folder: Path) -> bool:
    return _real(folder) in (real := _real(Path(path).expanduser()), *real.parents)


def _real(path: Path) -> Path:
    """Return a path without links; `Path.resolve` raises an error on those that lead to themselves."""
    return Path(os.path.realpath(path))


def _suffixes() -> set[str]:
    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in _KINDS}
