"""Class names: from a file with one a line, from a comma list, or from the `classes.txt` beside the shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dali_ssd.errors import DatasetError
from dali_ssd.files import read_text

__all__ = ["CLASSES_FILE", "find_classes", "read_classes"]

CLASSES_FILE = "classes.txt"
"""Name of the file that the converters write beside the shards."""


def _checked(names: list[str], source: str) -> tuple[str, ...]:
    if not names:
        raise DatasetError(f"no class names in {source}; it takes one a line, or names separated by commas")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetError(f"class names more than once in {source}: {', '.join(twice)}; each id needs its own")
    return tuple(names)


def _from_file(path: Path) -> tuple[str, ...]:
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read class names from {path}: {error}") from error
    return _checked([line.strip() for line in lines if line.strip()], str(path))


def read_classes(spec: str | Path) -> tuple[str, ...]:
    """Class names in the order of their ids. `spec` is a file with one name a line, or names separated by commas.

    Raises `DatasetError` where there are none, or one twice, or the file cannot be read.
    """
    if isinstance(spec, Path) or Path(spec).is_file():
        return _from_file(Path(spec))
    if "," not in spec and ("/" in spec or spec.endswith(".txt")):
        raise DatasetError(f"there is no file {spec} with class names")
    return _checked([name.strip() for name in spec.split(",") if name.strip()], f"the list {spec!r}")


def find_classes(shards: Sequence[Path]) -> tuple[str, ...]:
    """Class names in the `classes.txt` beside the shards. Raises `DatasetError` where it is missing or they differ."""
    folders = sorted({shard.parent for shard in shards})
    found = {folder / CLASSES_FILE: _from_file(folder / CLASSES_FILE) for folder in folders}
    if len(set(found.values())) > 1:
        raise DatasetError(f"the class names differ between {' and '.join(map(str, found))}; give them by --classes")
    return next(iter(found.values()))
