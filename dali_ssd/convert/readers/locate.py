"""Search for files under names of another system: other separators, repeated folders, other case or Unicode form."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Located", "folded", "forget", "locate", "locate_folder"]


class Located(NamedTuple):
    """The path of a file, whether it exists or not."""

    path: Path
    respelled: bool = False
    """Whether it exists under a name that differs in case or Unicode form."""


def locate(folder: Path, name: str) -> Located:
    """Return the file that `name` refers to in `folder`; if there is none, the path as named."""
    tries = [folder.joinpath(*parts) for parts in _readings(folder, name, str)]
    exact = next((path for path in tries if os.path.isfile(path)), None)
    if exact is not None:
        return Located(exact)
    found = (_respelled(folder, parts, os.path.isfile) for parts in _readings(folder, name, folded))
    # If several files match, it is unknown which one is meant.
    only = next((paths[0] for paths in found if len(paths) == 1), None)
    return Located(tries[0]) if only is None else Located(only, respelled=True)


def locate_folder(parent: Path, name: str) -> Path:
    """Return the folder that `name` refers to in `parent`; if there is none, the path as named."""
    path = parent / name
    found = [] if os.path.isdir(path) else _respelled(parent, _parts(name), os.path.isdir)
    return found[0] if len(found) == 1 else path


def folded(name: str) -> str:
    """Return the same text for names that a system may treat as equal: other case, or accents apart as on macOS."""
    composed = unicodedata.normalize("NFC", name)
    return unicodedata.normalize("NFC", composed.casefold())


def forget() -> None:
    """Forget the listings of folders, since files may have changed."""
    _listing.cache_clear()


def _parts(name: str) -> list[str]:
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def _readings(folder: Path, name: str, spelled: Callable[[str], str]) -> Iterator[Sequence[str]]:
    """Yield the parts of paths below `folder` that a name may mean; folder names are compared by `spelled`."""
    yield [name]
    parts = _parts(name)
    yield parts
    # A name may begin with the folder that it is in: images/a.jpg in .../images.
    own = [spelled(part) for part in folder.absolute().parts]
    for length in range(1, len(parts)):
        if [spelled(part) for part in parts[:length]] == own[-length:]:
            yield parts[length:]


def _respelled(folder: Path, parts: Sequence[str], wanted: Callable[[Path], bool]) -> list[Path]:
    """Return the `wanted` paths below `folder` with these names, or with names that differ in case or Unicode form."""
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
