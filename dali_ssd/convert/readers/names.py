"""Names in annotations: faults of names of classes and files, and notes on class names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dali_ssd.convert.sample import Note
from dali_ssd.records.format.classes import is_background, similar_names

__all__ = ["class_notes", "name_fault"]


def name_fault(name: str) -> str | None:
    """Return why a name cannot be a line of text, as in `classes.txt`, or None if it can."""
    if not name.strip():
        return "is empty"
    if len(name.splitlines()) > 1:
        return "has a line break"
    if "\0" in name:
        return "has a zero byte"
    return "has half a character" if any("\ud800" <= letter <= "\udfff" for letter in name) else None


def class_notes(classes: Sequence[str]) -> Iterator[Note]:
    """Yield notes on class names that may be mistakes."""
    for name, other in similar_names(classes):
        yield Note("similar-classes", name, f"and {other}")
    if is_background(classes):
        yield Note("background-class", classes[0], "the network has a background of its own")
