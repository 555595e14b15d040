"""Fields of an entry of a COCO file as they are meant: tools write numbers as text, and whole ones with a point.

Each function raises ValueError that says what is wrong with a field that cannot be used.
"""

from __future__ import annotations

import re
from typing import Any

from dali_ssd.convert.readers.names import name_fault
from dali_ssd.convert.sample import plausible_size

__all__ = ["Entry", "box", "crowd", "declared_size", "identity", "line"]

Entry = dict[str, Any]


def identity(entry: Entry, key: str) -> str:
    """An id as text: tools write 1 as well as "1" and 1.0, and mean the same."""
    value = entry.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise ValueError(_problem(entry, key))
    return str(value).strip()


def line(entry: Entry, key: str) -> str:
    """A name that fits in a line of text."""
    name = entry.get(key)
    if not isinstance(name, str):
        raise ValueError(_problem(entry, key))
    if fault := name_fault(name):
        raise ValueError(f"{key!r} cannot be used, {name!r:.80} {fault}")
    return name


def box(entry: Entry) -> list[float]:
    """x, y, width, height of an object."""
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
    """Whether an object is a crowd; the file's "0" is no, as its 0 is."""
    value = entry.get("iscrowd")
    if value is None or isinstance(value, bool):
        return bool(value)
    number = _number(value)
    if number is None or number % 1:  # NaN and infinity have no remainder that is 0
        raise ValueError(_problem(entry, "iscrowd"))
    return bool(number)


def declared_size(image: Entry) -> tuple[int, int] | None:
    """Width and height of an image; they are only compared, so what is no size is as good as none."""
    width, height = _number(image.get("width")), _number(image.get("height"))
    return None if width is None or height is None else plausible_size(width, height)


def _problem(entry: Entry, key: str) -> str:
    return f"{key!r} is {'missing' if key not in entry else repr(entry[key])[:80]}"


def _number(value: object) -> float | None:
    """A number, or a whole one as text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,15}\s*", value):
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
