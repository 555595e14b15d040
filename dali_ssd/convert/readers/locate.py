"""Files by names of another system: other separators, the folder repeated, letters of another case or Unicode form."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Located", "folded", "forget", "locate", "locate_folder"]


class Located(NamedTuple):
    """Where a file is, or would be."""

    path: Path
    respelled: bool = False
    """Whether it is there under a name that differs in case or Unicode form."""


def locate(folder: Path, name: str) -> Located:
    """The file that `name` means in `folder`; where there is none, the path that the name says."""
    tries = [folder.joinpath(*parts) for parts in _readings(folder, name, str)]
    exact = next((path for path in tries if os.path.isfile(path)), None)
    if exact is not None:
        return Located(exact)
    found = (_respelled(folder, parts, os.path.isfile) for parts in _readings(folder, name, folded))
    # Where several would do, nobody can tell which is meant.
    only = next((paths[0] for paths in found if len(paths) == 1), None)
    return Located(tries[0]) if only is None else Located(only, respelled=True)


def locate_folder(parent: Path, name: str) -> Path:
    """The folder that `name` means in `parent`; where there is none, the path that the name says."""
    path = parent / name
    found = [] if os.path.isdir(path) else _respelled(parent, _parts(name), os.path.isdir)
    return found[0] if len(found) == 1 else path


def folded(name: str) -> str:
    """What names have in common that a system may take for the same: macOS takes letters apart from their accents."""
    composed = unicodedata.normalize("NFC", name)
    return unicodedata.normalize("NFC", composed.casefold())


def forget() -> None:
    """Look at the folders anew from now on: files may have come and gone."""
    _listing.cache_clear()


def _parts(name: str) -> list[str]:
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def _readings(folder: Path, name: str, spelled: Callable[[str], str]) -> Iterator[Sequence[str]]:
    """Parts of paths below `folder` that a name may mean; `spelled` gives what must agree in names of folders."""
    yield [name]
    parts = _parts(name)
    yield parts
    # A name may begin with the folder that it is in: images/a.jpg in .../images.
    own = [spelled(part) for part in folder.absolute().parts]
    for length in range(1, len(parts)):
        if [spelled(part) for part in parts[:length]] == own[-length:]:
            yield parts[length:]


def _respelled(folder: Path, parts: Sequence[str], wanted: Callable[[Path], bool]) -> list[Path]:
    """All that is `wanted` below `folder` under these names, or ones that differ in case or Unicode form."""
    if not parts:
        return [folder] if wanted(folder) else []
    first, *rest = parts
    names = (first,) if first == ".." else _listing(folder).get(folded(first), ())
    return [path for name in names for path in _respelled(folder / name, rest, wanted)]


@lru_cache(maxsize=256)
def _listing(folder: Path) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    try:
        for name in sorted(os.listdir(folder)):
            table[folded(name)] = (*table.get(folded(name), ()), name)
    except OSError:
        pass  # no folder, no files
    return table
