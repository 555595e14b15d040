"""Pictures of the records that the report shows."""

from __future__ import annotations

from collections.abc import Sequence

from dali_ssd.errors import RecordError
from dali_ssd.inspection.report import Exhibit
from dali_ssd.pages.elements import Element, Gallery, Note, Picture
from dali_ssd.pages.pictures import picture
from dali_ssd.records.dataset import Dataset
from dali_ssd.util.progress import track
from dali_ssd.util.words import counted, first_few
from dali_ssd.visualize.grid import tile_picture
from dali_ssd.visualize.tiles import stored_tiles

__all__ = ["gallery", "pictures_of"]

_SIDE = 320
"""Pixels of a picture's longer side."""
_CELL = 196
"""Least width of a picture on the page: six fit in a row of a wide one."""


def pictures_of(dataset: Dataset, exhibits: Sequence[Exhibit], classes: Sequence[str]) -> dict[int, Picture | None]:
    """Return a picture of each record by its number, with its boxes; None if the image cannot be decoded."""
    found: dict[int, Picture | None] = {}
    for one in track(exhibits, "drawing records"):
        try:
            (tile,) = stored_tiles(dataset, [one.number])
        except RecordError:
            found[one.number] = None
            continue
        drawn = tile_picture(tile, classes, least=_SIDE, most=_SIDE)
        found[one.number] = picture(drawn, f"Record {one.key} with its boxes: {one.why}", _caption(one), most=_SIDE)
    return found


def gallery(exhibits: Sequence[Exhibit], pictures: dict[int, Picture | None]) -> list[Element]:
    """Return the pictures of some exhibits, and a note on those that there are none of."""
    shown = [drawn for one in exhibits if (drawn := pictures[one.number]) is not None]
    lost = [f"{one.shard} record {one.key}" for one in exhibits if pictures[one.number] is None]
    elements: list[Element] = [Gallery(shown, side=_CELL)] if shown else []
    if lost:
        what = f"{counted(len(lost), 'image')} could not be decoded"
        elements.append(
            Note("warning", what, ", ".join(first_few(lost, "record")), command="dali-ssd check SHARDS --decode")
        )
    return elements


def _caption(one: Exhibit) -> str:
    return f"{one.why}. Key {one.key}, `--record {one.number}`"
