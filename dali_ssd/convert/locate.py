"""Files by names of another system: other separators, the folder repeated, letters of another case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

__all__ = ["forget", "locate"]


def locate(folder: Path, name: str) -> Path:
    """The file that `name` means in `folder`; where there is none, the path that the name says."""
    tries = list(_readings(folder, name))
    exact = next((path for path in tries if path.is_file()), None)
    return exact or next((found for path in tries if (found := _any_case(path))), tries[0])


def forget() -> None:
    """Look at the folders anew from now on: files may have come and gone."""
    _listing.cache_clear()


def _readings(folder: Path, name: str) -> Iterator[Path]:
    yield folder / name
    parts = name.replace("\\", "/").split("/")
    yield folder.joinpath(*parts)
    # A name may begin with the folder that it is in: images/a.jpg in .../images.
    own = folder.absolute().parts
    for length in range(1, len(parts)):
        if tuple(parts[:length]) == own[-length:]:
            yield folder.joinpath(*parts[length:])


def _any_case(path: Path) -> Path | None:
    """The only file beside `path` whose name differs in the case of letters alone."""
    names = _listing(path.parent).get(path.name.casefold(), ())
    return path.with_name(names[0]) if len(names) == 1 else None


@lru_cache(maxsize=256)
def _listing(folder: Path) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    try:
        for name in sorted(os.listdir(folder)):
            table[name.casefold()] = (*table.get(name.casefold(), ()), name)
    except OSError:
        pass  # no folder, no files
    return table
