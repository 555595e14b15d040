"""What a notebook shows of an object: facts and a picture of what it holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dali_ssd.errors import DaliSsdError
from dali_ssd.pages.card import card_html
from dali_ssd.pages.elements import Picture
from dali_ssd.pages.pictures import picture
from dali_ssd.records.format.classes import names_or_none
from dali_ssd.util.words import first_line
from dali_ssd.visualize.grid import Tile, tile_grid

__all__ = ["card", "known_classes"]

_PATIENCE_S = 1.0
"""Seconds after which no further image is read: a notebook waits for the card."""


def card(
    title: str,
    facts: Callable[[], Mapping[str, object]],
    pictures: Iterable[Callable[[], Tile]],
    classes: Sequence[str],
    *,
    columns: int = 4,
    side: int = 220,
) -> str:
    """Return the HTML of an object for a notebook, which never raises: what cannot be shown is said in it.

    Args:
        title: in bold above the rest.
        facts: returns values by their names.
        pictures: functions that read the images below the facts; they are called until a second is over.
        classes: names of the class ids, none if they are not known.
        columns, side: as of `tile_grid`.
    """
    shown, faults = _picture(pictures, classes, columns, side)
    return card_html(title, _facts(facts), shown, [f"no picture: {fault}" for fault in faults])


def known_classes(shards: Sequence[Path]) -> tuple[str, ...]:
    """Return the class names beside shards; none if some have none, or others."""
    try:
        return names_or_none("", shards) if shards else ()
    except (DaliSsdError, OSError):
        return ()


def _facts(facts: Callable[[], Mapping[str, object]]) -> Mapping[str, object]:
    try:
        return facts()
    except Exception as error:  # whatever state the object is in
        return {"not shown": first_line(error)}


def _picture(
    pictures: Iterable[Callable[[], Tile]], classes: Sequence[str], columns: int, side: int
) -> tuple[Picture | None, list[str]]:
    """Return a grid of what could be read, and why the rest of it could not."""
    tiles, faults = _in_time(pictures)
    if not tiles:
        return None, faults
    try:
        grid = tile_grid(tiles, classes, columns=columns, side=side)
        return picture(grid, "images with their boxes", most=max(grid.size)), faults
    except Exception as error:  # such as of a font
        return None, [*faults, first_line(error)]


def _in_time(pictures: Iterable[Callable[[], Tile]]) -> tuple[list[Tile], list[str]]:
    """Return what could be read before time was over, and why the rest could not."""
    tiles, faults, end = [], [], time.monotonic() + _PATIENCE_S
    for read in pictures:
        try:
            tiles.append(read())
        except Exception as error:  # a shard may have gone since, and a card shows what is left
            faults.append(first_line(error))
        if time.monotonic() > end:
            break
    return tiles, faults
