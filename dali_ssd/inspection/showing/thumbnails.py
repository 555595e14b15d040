"""Pictures of the records that the report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dali_ssd.errors import RecordError
from dali_ssd.inspection.advising.commands import check_command, show_command
from dali_ssd.inspection.examine import Inspected
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.report import Exhibit
from dali_ssd.pages.elements import Element, Gallery, Note, Picture
from dali_ssd.pages.pictures import IN_GALLERY, picture
from dali_ssd.util.progress import track
from dali_ssd.util.words import counted, first_few
from dali_ssd.visualize.grid import Tile, tile_picture
from dali_ssd.visualize.tiles import stored_tiles

__all__ = ["gallery", "pictures_of"]


def pictures_of(inspected: Inspected) -> dict[int, Picture | None]:
    """Return a picture of each exhibit by its number, with its boxes; None if the image cannot be decoded.

    Where a record is shown for some of its objects, these have color and name, and the others are thin and white.
    """
    found: dict[int, Picture | None] = {}
    for one in track(inspected.report.exhibits, "drawing records"):
        try:
            (tile,) = stored_tiles(inspected.dataset, [one.number])
        except RecordError:
            found[one.number] = None
            continue
        if one.marked:
            tile = _marked(tile, one)
        drawn = tile_picture(tile, inspected.classes, least=IN_GALLERY, most=IN_GALLERY)
        caption = f"{one.why}. `{show_command(inspected.config, one.shard, one.key)}`"
        found[one.number] = picture(drawn, f"Record {one.key} with its boxes: {one.why}", caption)
    return found


def gallery(config: InspectConfig, exhibits: Sequence[Exhibit], pictures: dict[int, Picture | None]) -> list[Element]:
    """Return the pictures of some exhibits, and a note on those that there are none of."""
    shown = [drawn for one in exhibits if (drawn := pictures[one.number]) is not None]
    lost = [f"{one.shard} record {one.key}" for one in exhibits if pictures[one.number] is None]
    elements: list[Element] = [Gallery(shown)] if shown else []
    if lost:
        what = f"{counted(len(lost), 'image')} could not be decoded"
        elements.append(Note("warning", what, ", ".join(first_few(lost, "record")), check_command(config, "--decode")))
    return elements


def _marked(tile: Tile, exhibit: Exhibit) -> Tile:
    """Return a record with the boxes that it is shown for in front of all that it has."""
    sides = np.array([tile.image.shape[1], tile.image.shape[0]] * 2, np.float32)
    boxes = np.array([one.box for one in exhibit.marked], np.float32) * sides
    return replace(
        tile,
        boxes=boxes,
        class_ids=np.array([one.class_id for one in exhibit.marked], np.int32),
        faint_boxes=tile.boxes,
    )
