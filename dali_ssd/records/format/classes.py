"""Class names: from a file with one per line, a comma-separated list, or the `classes.txt` beside the shards."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from dali_ssd.errors import DatasetError
from dali_ssd.util.files import read_text

__all__ = [
    "CLASSES_FILE",
    "class_names",
    "find_classes",
    "is_background",
    "names_or_none",
    "read_classes",
    "require_same_classes",
    "similar_names",
]

_log = logging.getLogger(__name__)

CLASSES_FILE = "classes.txt"
"""Name of the file that the converters write beside the shards."""


def similar_names(classes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each class name that differs from an earlier one only in case, with the earlier one."""
    seen: dict[str, str] = {}
    for name in classes:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            yield name, other


def is_background(classes: Sequence[str]) -> bool:
    """Return whether the first class is named as the background; the network adds a background class itself."""
    return bool(classes) and classes[0].strip("_").casefold() == "background"


def read_classes(spec: str | Path) -> tuple[str, ...]:
    """Return class names in the order of their ids. `spec` is a file with one per line, or names separated by commas.

    Raises `DatasetError` if there are none, one is there twice, or the file cannot be read.
    """
    if isinstance(spec, Path) or _is_file(spec):
        return _from_file(Path(spec))
    if "," not in spec and ("/" in spec or spec.endswith(".txt")):
        raise DatasetError(f"there is no file {spec} with class names")
    return _checked([name.strip() for name in spec.split(",") if name.strip()], f"the list {spec!r}")


def class_names(option: str, shards: Sequence[Path]) -> tuple[str, ...]:
    """Return the names that an option gives, or those beside the shards. Raises DatasetError if there are none."""
    return read_classes(option) if option else find_classes(shards)


def names_or_none(option: str, shards: Sequence[Path]) -> tuple[str, ...]:
    """Return the names as `class_names` does, but none if there are none.

    Raises DatasetError if the names cannot be read, or those beside the shards differ.
    """
    named = option or all((shard.parent / CLASSES_FILE).exists() for shard in shards)
    return class_names(option, shards) if named else ()


def find_classes(shards: Sequence[Path]) -> tuple[str, ...]:
    """Return the names in `classes.txt` beside the shards. Raises `DatasetError` if it is missing or they differ."""
    folders = sorted({shard.parent for shard in shards})
    found = {folder / CLASSES_FILE: _from_file(folder / CLASSES_FILE) for folder in folders}
    if len(set(found.values())) > 1:
        raise DatasetError(f"the class names differ between {' and '.join(map(str, found))}; give them by --classes")
    return next(iter(found.values()))


def require_same_classes(path: Path, classes: Sequence[str]) -> None:
    """Raise `DatasetError` if a `classes.txt` in the folder of new shards has other names than they have."""
    if path.exists() and read_classes(path) != tuple(classes):
        raise DatasetError(
            f"{path} lists other classes than the new shards have ({', '.join(classes[:8])}), so class ids would not "
            f"agree between the shards there; give --classes {path}, another folder, or --overwrite"
        )


@cache  # once per process: a training run reads the names several times
def _warn(names: tuple[str, ...], source: str) -> None:
    for name, other in similar_names(names):
        _log.warning("the class names in %s have both %s and %s; are two classes meant?", source, other, name)
    if is_background(names):
        text = "the class names in %s begin with %s, and the network has a background of its own; is a class meant?"
        _log.warning(text, source, names[0])


def _checked(names: list[str], source: str) -> tuple[str, ...]:
    if not names:
        raise DatasetError(f"no class names in {source}; it takes one a line, or names separated by commas")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetError(f"class names more than once in {source}: {', '.join(twice)}; each id needs its own")
    _warn(tuple(names), source)
    return tuple(names)


def _is_file(spec: str) -> bool:
    try:
        return Path(spec).is_file()
    except OSError:  # a list of names may be longer than a file's name can be
        return False


def _from_file(path: Path) -> tuple[str, ...]:
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        raise DatasetError(
            f"there is no {path}: write the class names into it, one a line in the order of the ids, or give --classes "
            "a,b,c"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read class names from {path}: {error}") from error
    return _checked([line.strip() for line in lines if line.strip()], str(path))
