"""What a notebook shows of an object: facts and a picture, in HTML that needs no other file."""

from __future__ import annotations

import base64
import html
import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dali_ssd.errors import DaliSsdError
from dali_ssd.records.format.classes import names_or_none
from dali_ssd.util.words import first_line
from dali_ssd.visualize.grid import Tile, tile_grid

__all__ = ["card", "known_classes"]

_PATIENCE_S = 1.0
"""Seconds after which no further image is read: a notebook waits for the card."""
_CELL = (
    "text-align:left;padding:2px 12px 2px 0;border:0;background:none;color:inherit;vertical-align:top;"
    "overflow-wrap:anywhere"
)
_PICTURE = "display:block;max-width:100%;height:auto;margin-top:6px;border-radius:4px"


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
    rows = "".join(
        f'<tr><th style="{_CELL}">{_text(name)}</th><td style="{_CELL}">{_text(value)}</td></tr>'
        for name, value in _facts(facts).items()
    )
    table = f'<table style="border-collapse:collapse;color:inherit">{rows}</table>' if rows else ""
    return f"<div><b>{_text(title)}</b>{table}{_picture(pictures, classes, columns, side)}</div>"


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


def _picture(pictures: Iterable[Callable[[], Tile]], classes: Sequence[str], columns: int, side: int) -> str:
    tiles, faults = _in_time(pictures)
    said = "".join(f"<div>no picture: {_text(fault)}</div>" for fault in faults)
    if not tiles:
        return said
    try:
        content = io.BytesIO()
        tile_grid(tiles, classes, columns=columns, side=side).save(content, "JPEG", quality=85, subsampling=0)
    except Exception as error:  # such as of a font
        return f"{said}<div>no picture: {_text(first_line(error))}</div>"
    data = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="images with their boxes" style="{_PICTURE}" src="data:image/jpeg;base64,{data}">{said}'


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


def _text(value: object) -> str:
    """Return a value as HTML text; bytes of a path that are no text become question marks."""
    return html.escape(str(value).encode("utf-8", "replace").decode())
