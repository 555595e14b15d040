"""Pictures of images with labeled boxes, in a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dali_ssd.config import RenderConfig
from dali_ssd.errors import ConfigError
from dali_ssd.util.files import atomic_path
from dali_ssd.visualize.legend import INK, PAPER, Legend, legend_picture, merged, with_legend
from dali_ssd.visualize.lettering import Lettering
from dali_ssd.visualize.names import Color, Name, class_color, label_lettering, label_text, write_names

__all__ = [
    "Outlines",
    "Tile",
    "own_side",
    "pixels_of",
    "save_grid",
    "save_picture",
    "tile_grid",
    "tile_picture",
]

_MARGIN, _FONT_SIZE = 10, 13
_DARK = (20, 20, 24)
_AROUND = np.array([-1, -1, 1, 1])
_DASH, _GAP = 6, 4
"""Pixels of a dashed line."""


@dataclass(frozen=True)
class Outlines:
    """Thin boxes below the others, such as anchors."""

    boxes: NDArray[np.float32]
    """(k, 4) xmin ymin xmax ymax, pixels of the image."""
    colors: NDArray[np.int32]
    """(k,) numbers of colors, see `class_color`."""
    dashed: NDArray[np.bool_]
    """(k,)"""


@dataclass(frozen=True)
class Tile:
    """One image of a grid."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    boxes: NDArray[np.float32]
    """(n, 4) xmin ymin xmax ymax, pixels of `image`."""
    class_ids: NDArray[np.int32]
    """(n,)"""
    scores: NDArray[np.float32] | None = None
    """(n,), written beside the class names if there are any."""
    caption: str = ""
    """A line below the image."""
    faint_boxes: NDArray[np.float32] | None = None
    """(m, 4) boxes drawn thin and white, without a name: what is true, below what was found."""
    colors: NDArray[np.int32] | None = None
    """(n,) numbers of the boxes' colors, see `class_color`; None: those of their classes."""
    outlines: Outlines | None = None


def save_grid(tiles: Sequence[Tile], classes: Sequence[str], path: str | Path, *, columns: int = 4) -> None:
    """Draw a grid (see `tile_grid`) and replace the PNG at `path` with it; raises DaliSsdError if that fails."""
    save_picture(tile_grid(tiles, classes, columns=columns), path)


def save_picture(picture: Image.Image, path: str | Path) -> None:
    """Replace the file at `path` with a picture: a JPEG if it ends in .jpg, else a PNG.

    Raises DaliSsdError if it cannot be written.
    """
    # Thin colored boxes would fade in a JPEG with less color than brightness.
    jpeg = Path(path).suffix.lower() in (".jpg", ".jpeg")
    with atomic_path(path) as temporary:
        picture.save(temporary, "JPEG" if jpeg else "PNG", quality=90, subsampling=0)


def tile_grid(tiles: Sequence[Tile], classes: Sequence[str], *, columns: int = 4, side: int = 300) -> Image.Image:
    """Draw images with their boxes in rows, each scaled to fit a square of `side` pixels.

    A class id beyond `classes` is written as a number, and so is a class whose name no font of this machine can write,
    which a warning in the log says. Where an image has no room for a name, a legend has the colors: that of classes
    below the grid, that of a tile with `colors` of its own below the tile. Raises ConfigError if there is nothing to
    draw.
    """
    if not tiles:
        raise ConfigError("there are no images to draw")
    columns = min(columns, len(tiles))
    lettering = label_lettering(classes, _letters(side), [tile.caption for tile in tiles])
    drawn = [_draw(tile, classes, side, lettering) for tile in tiles]
    feet = [
        legend_picture(legend, side, lettering) if legend and tile.colors is not None else None
        for tile, (_, legend) in zip(tiles, drawn, strict=True)
    ]
    rows = [range(first, min(first + columns, len(tiles))) for first in range(0, len(tiles), columns)]
    heights = [max(drawn[number][0].height for number in row) for row in rows]
    captions = lettering.size + 9 if any(tile.caption for tile in tiles) else 0
    steps = [
        height + captions + max(0 if (foot := feet[number]) is None else foot.height for number in row) + _MARGIN
        for row, height in zip(rows, heights, strict=True)
    ]
    picture = Image.new("RGB", (columns * (side + _MARGIN) + _MARGIN, sum(steps) + _MARGIN), PAPER)
    top = _MARGIN
    for row, height, step in zip(rows, heights, steps, strict=True):
        for column, number in enumerate(row):
            left, (image, _) = _MARGIN + column * (side + _MARGIN), drawn[number]
            picture.paste(image, (left + (side - image.width) // 2, top + (height - image.height) // 2))
            text = lettering.shortened(tiles[number].caption, side)
            lettering.write(ImageDraw.Draw(picture), (left, top + height + 3), text, INK)
            if (foot := feet[number]) is not None:
                picture.paste(foot, (left, top + height + captions))
        top += step
    shared = merged(legend for tile, (_, legend) in zip(tiles, drawn, strict=True) if tile.colors is None)
    return with_legend(picture, shared, lettering, margin=_MARGIN)


def tile_picture(tile: Tile, classes: Sequence[str], *, least: int = 320, most: int = 1280) -> Image.Image:
    """Draw one image with its boxes, without its caption; below it is a legend if not all names have room in it.

    The image keeps its size, unless its longer side has fewer than `least` pixels or more than `most`.
    """
    side = own_side(tile, least, most)
    lettering = label_lettering(classes, _letters(side))
    return with_legend(*_draw(tile, classes, side, lettering), lettering)


def own_side(tile: Tile, least: int = 320, most: int = 1280) -> int:
    """Return the longer side of an image in pixels, or the limit that it is beyond."""
    height, width = tile.image.shape[:2]
    return min(max(int(height), int(width), least), most)


def pixels_of(data: NDArray[Any], rendered: RenderConfig) -> NDArray[np.uint8]:
    """Turn a network input back into an image: normalized (3, H, W) or (H, W, 3) to (H, W, 3) uint8 RGB."""
    image = data.astype(np.float32)
    if rendered.layout == "NCHW":
        image = image.transpose(1, 2, 0)
    image = image * np.array(rendered.std, np.float32) + np.array(rendered.mean, np.float32)
    pixels: NDArray[np.uint8] = (image * 255).round().clip(0, 255).astype(np.uint8)
    return pixels


def _scaled(tile: Tile, side: int) -> tuple[int, int]:
    """Return width and height of an image whose longer side is `side`."""
    height, width = tile.image.shape[:2]
    scale = side / max(height, width)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _letters(side: int) -> int:
    """Return the size of letters in a picture whose longer side has so many pixels."""
    return max(_FONT_SIZE, side // 50)


def _draw(tile: Tile, classes: Sequence[str], side: int, lettering: Lettering) -> tuple[Image.Image, Legend]:
    """Draw an image with its boxes, and return it with a legend, which is empty if all boxes have their names."""
    size, scale = _scaled(tile, side), side / max(tile.image.shape[:2])
    filtering = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    image = Image.fromarray(tile.image).resize(size, filtering)
    canvas = ImageDraw.Draw(image)
    faint = None if tile.faint_boxes is None else _drawable(tile.faint_boxes, scale, side)
    for box in () if faint is None else faint:
        _rectangle(canvas, box + _AROUND, _DARK, width=1)  # white alone is lost on white
        _rectangle(canvas, box, (255, 255, 255), width=2)
    if tile.outlines is not None:
        _draw_outlines(canvas, tile.outlines, scale, side)
    boxes = _drawable(tile.boxes, scale, side)
    colors = [class_color(int(number)) for number in (tile.class_ids if tile.colors is None else tile.colors)]
    for box, color in zip(boxes, colors, strict=True):
        _rectangle(canvas, box, color, width=lettering.size // 6 + (tile.outlines is not None))
    # Names come after the boxes, so that no box crosses one.
    scores = [None] * len(boxes) if tile.scores is None else map(float, tile.scores)
    texts = [label_text(int(one), score, classes, lettering) for one, score in zip(tile.class_ids, scores, strict=True)]
    names = [Name(*one) for one in zip(boxes, texts, colors, strict=True)]
    left_out = write_names(canvas, image.size, names, lettering, faint)
    return image, _legend(tile, colors, classes, lettering) if left_out else {}


def _legend(tile: Tile, colors: Sequence[Color], classes: Sequence[str], lettering: Lettering) -> Legend:
    """Return the names of all classes of a tile with the colors of their boxes."""
    order = np.argsort(tile.class_ids, kind="stable")
    names = [label_text(int(class_id), None, classes, lettering) for class_id in tile.class_ids]
    return merged({names[number]: [colors[number]]} for number in order)


def _draw_outlines(canvas: ImageDraw.ImageDraw, outlines: Outlines, scale: float, side: int) -> None:
    boxes = _drawable(outlines.boxes, scale, side)
    for box, number, dashed in zip(boxes, outlines.colors, outlines.dashed, strict=True):
        draw = _dashed_rectangle if dashed else _rectangle
        draw(canvas, box, class_color(int(number)), width=1)


def _drawable(boxes: NDArray[np.float32], scale: float, side: int) -> NDArray[np.float64]:
    """Scale boxes and limit those far outside: a damaged label may hold anything, and Pillow draws all of it."""
    return np.clip(boxes.astype(np.float64) * scale, -side, 2 * side)


def _rectangle(canvas: ImageDraw.ImageDraw, box: NDArray[np.float64], color: tuple[int, int, int], width: int) -> None:
    xmin, ymin, xmax, ymax = (float(value) for value in box)
    # A damaged label may be inverted or NaN; it is drawn as far as possible.
    if np.isnan(box).any():
        return
    canvas.rectangle((min(xmin, xmax), min(ymin, ymax), max(xmin, xmax), max(ymin, ymax)), outline=color, width=width)


def _dashed_rectangle(
    canvas: ImageDraw.ImageDraw, box: NDArray[np.float64], color: tuple[int, int, int], width: int
) -> None:
    left, top, right, bottom = (float(value) for value in box)
    for start in np.arange(left, right, _DASH + _GAP):
        for y in (top, bottom):
            canvas.line((start, y, min(start + _DASH, right), y), fill=color, width=width)
    for start in np.arange(top, bottom, _DASH + _GAP):
        for x in (left, right):
            canvas.line((x, start, x, min(start + _DASH, bottom)), fill=color, width=width)
