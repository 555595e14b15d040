"""The image files and shards that paths, folders and patterns stand for."""

from __future__ import annotations

import glob
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


def find_inputs(paths: Sequence[str]) -> Inputs:
    """Return what paths stand for: a folder is all images in it and in the folders below.

    Raises DatasetError for a path that is not there, a pattern without a match, a shard given twice, or if there is
    nothing to read.
    """
    images: dict[Path, Path] = {}
    shards: list[Path] = []
    passed_over = 0
    for path in (found for given in paths for found in _expand(given)):
        if path.is_dir():
            files = sorted(_files_below(path))
            inside = [file for file in files if file.suffix.lower() in _suffixes()]
            passed_over += len(files) - len(inside)
            images |= {file.resolve(): file for file in inside if file.resolve() not in images}
        elif path.suffix in (".rec", ".idx"):
            shards.append(path)
        else:
            images.setdefault(path.resolve(), path)
    if not images and not shards:
        raise DatasetError(
            f"no images among {counted(passed_over, 'file')} in {', '.join(paths)}; give image files, folders of them, "
            "or shards"
        )
    return Inputs(tuple(images.values()), expand_paths(shards) if shards else (), passed_over)


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
    """Yield the files in a folder and in those below, but for hidden ones."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file():
            yield path


def _suffixes() -> set[str]:
    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in _KINDS}
