"""Which annotation files a VOC folder has, and which of them a split names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dali_ssd.convert.sample import Note
from dali_ssd.errors import AnnotationError
from dali_ssd.files import read_text

__all__ = ["annotation_files", "annotation_id", "split_ids"]


def annotation_id(path: Path, folder: Path) -> str:
    """An annotation's id: its path in the folder, without suffix."""
    return path.relative_to(folder).with_suffix("").as_posix()


def annotation_files(folder: Path) -> tuple[dict[str, Path], list[Note]]:
    """The annotation files in a folder and those below, by their ids, and notes on those whose id is another's."""
    files: dict[str, Path] = {}
    notes = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".xml"):
        first = files.setdefault(annotation_id(path, folder), path)
        if first != path:
            notes.append(Note("same-id", str(path), f"{first} is taken"))
    return files, notes


def _split_id(line: str, known: Mapping[str, Path], spellings: Mapping[str, str]) -> str:
    """The id of a line, which may have spaces in it; a class's split has a second column."""
    line = line.strip()
    tries = [line, line.replace("\\", "/"), line.split()[0], line.split()[0].replace("\\", "/")]
    exact = next((identity for identity in tries if identity in known), None)
    return exact or next((spellings[one.casefold()] for one in tries if one.casefold() in spellings), tries[2])


def split_ids(src: Path, split: str, known: Mapping[str, Path]) -> list[str]:
    """The ids of a split, each once. Raises `AnnotationError` where there are none."""
    path = src / "ImageSets" / "Main" / f"{split}.txt"
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        there = sorted(other.stem for other in path.parent.glob("*.txt"))
        hint = f"; there are {', '.join(there[:10])}" if there else "; leave --split out to take all annotations"
        raise AnnotationError(f"cannot read the split {path}: {error}{hint}") from error
    spellings: dict[str, str] = {}
    for identity in known:
        spellings.setdefault(identity.casefold(), identity)
    ids = [_split_id(line, known, spellings) for line in lines if line.strip()]
    if not ids:
        raise AnnotationError(f"the split {path} is empty; leave --split out to take all annotations")
    return list(dict.fromkeys(ids))
