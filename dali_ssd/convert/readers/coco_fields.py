"""Reading the fields of a COCO entry: some tools write numbers as text, and whole numbers with a decimal point.

Each function raises ValueError with the fault if a field cannot be used.
"""

from __future__ import annotations

import re
from typing import Any

from dali_ssd.convert.readers.names import name_fault
from dali_ssd.convert.sample import plausible_size

__all__ = ["Entry", "box", "crowd", "declared_size", "identity", "line"]

Entry = dict[str, Any]


def identity(entry: Entry, key: str) -> str:
    """Return an id as text: tools write 1, "1" or 1.0 for the same id."""
    value = entry.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise ValueError(_problem(entry, key))
    return str(value).strip()


def line(entry: Entry, key: str) -> str:
    """Return a name that fits in a line of text."""
    name = entry.get(key)
    if not isinstance(name, str):
        raise ValueError(_problem(entry, key))
    if fault := name_fault(name):
        raise ValueError(f"{key!r} cannot be used, {name!r:.80} {fault}")
    return name


def box(entry: Entry) -> list[float]:
    """Return x, y, width, height of an object."""
    values = entry.get("bbox")
    if (
        not isinstance(values, list)
        or len(values) != 4
        or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    ):
        raise ValueError(f"'bbox' is {values!s:.80}, not four numbers")
    try:
        return [float(value) for value in values]
    except OverflowError:
        raise ValueError("'bbox' has a number that is too large") from None


def crowd(entry: Entry) -> bool:
    """Return whether an object is a crowd; the text "0" counts as 0."""
    value = entry.get("iscrowd")
    if value is None or isinstance(value, bool):
        return bool(value)
    number = _number(value)
    if number is None or number % 1:  # NaN and infinity have no remainder that is 0
        raise ValueError(_problem(entry, "iscrowd"))
    return bool(number)


def declared_size(image: Entry) -> tuple[int, int] | None:
    """Return width and height of an image, or None if they are missing or invalid: they are only compared."""
    width, height = _number(image.get("width")), _number(image.get("height"))
    return None if width is None or height is None else plausible_size(width, height)


def _problem(entry: Entry, key: str) -> str:
    return f"{key!r} is {'missing' if key not in entry else repr(entry[key])[:80]}"


def _number(value: object) -> float | None:
    """Return a number, or a whole number written as text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,15}\s*", value):
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
