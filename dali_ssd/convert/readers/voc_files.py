"""The annotation files of a VOC folder and the ids of its splits."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dali_ssd.convert.readers.locate import folded, locate_folder
from dali_ssd.convert.sample import Note
from dali_ssd.errors import AnnotationError
from dali_ssd.util.files import read_text

__all__ = ["annotation_files", "annotation_id", "split_ids"]


def annotation_id(path: Path, folder: Path) -> str:
    """Return an annotation's id: its path in the folder, without suffix."""
    return path.relative_to(folder).with_suffix("").as_posix()


def annotation_files(folder: Path) -> tuple[dict[str, Path], list[Note]]:
    """Return the annotation files in a folder and below by their ids, and notes on files that are skipped."""
    files: dict[str, Path] = {}
    notes: list[Note] = []
    for path in sorted(path for path in _files(folder, notes) if path.suffix.lower() == ".xml"):
        if path.name.startswith("._"):
            notes.append(Note("mac-file", str(path)))
            continue
        first = files.setdefault(annotation_id(path, folder), path)
        if first != path:
            notes.append(Note("same-id", str(path), f"{first} is taken"))
    return files, notes


def split_ids(src: Path, split: str, known: Mapping[str, Path]) -> list[str]:
    """Return the ids of a split, each once. Raises `AnnotationError` if there are none."""
    path = locate_folder(src, "ImageSets/Main") / f"{split}.txt"
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        there = sorted(other.stem for other in path.parent.glob("*.txt"))
        hint = f"; there are {', '.join(there[:10])}" if there else "; leave --split out to take all annotations"
        raise AnnotationError(f"cannot read the split {path}: {error}{hint}") from error
    spellings: dict[str, str] = {}
    for identity in known:
        spellings.setdefault(folded(identity), identity)
    ids = [_split_id(line, known, spellings) for line in lines if line.strip()]
    if not ids:
        raise AnnotationError(f"the split {path} is empty; leave --split out to take all annotations")
    return list(dict.fromkeys(ids))


def _files(folder: Path, notes: list[Note]) -> Iterator[Path]:
    """Yield the files in a folder and below, following links; add notes on folders that cannot be read."""

    def refused(error: OSError) -> None:
        notes.append(Note("unread-folder", str(error.filename), error.strerror or ""))

    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        # Links may form cycles, so each folder is read once. Links are followed last, so that a folder that is reached
        # both ways goes by its own name.
        for name, folders, files in os.walk(waiting.pop(0), onerror=refused):
            here = Path(name)
            if _is_new(here, seen):
                folders.sort()
                waiting += [here / one for one in folders if (here / one).is_symlink()]
                yield from (here / one for one in files)
            else:
                folders.clear()


def _is_new(folder: Path, seen: set[tuple[int, int]]) -> bool:
    """Return whether a folder is seen for the first time, and remember it."""
    status = os.stat(folder)
    identity = (status.st_dev, status.st_ino)
    new = identity not in seen
    seen.add(identity)
    return new


def _split_id(line: str, known: Mapping[str, Path], spellings: Mapping[str, str]) -> str:
    """Return the id in a line; ids may contain spaces, and the splits of a class have a second column."""
    line = line.strip()
    tries = [line, line.replace("\\", "/"), line.split()[0], line.split()[0].replace("\\", "/")]
    exact = next((identity for identity in tries if identity in known), None)
    return exact or next((spellings[folded(one)] for one in tries if folded(one) in spellings), tries[2])
