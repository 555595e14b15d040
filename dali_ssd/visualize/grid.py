"""Pictures of images with labeled boxes, in a grid."""

from __future__ import annotations

import colorsys
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
from dali_ssd.visualize.lettering import Lettering

__all__ = [
    "Outlines",
    "Tile",
    "class_color",
    "draw_label",
    "label_lettering",
    "label_text",
    "pixels_of",
    "save_grid",
    "save_picture",
    "tile_grid",
    "tile_picture",
]

_MARGIN, _CAPTION, _FONT_SIZE = 10, 22, 13
_PAPER, _INK = (250, 250, 249), (64, 64, 68)
_DARK = (20, 20, 24)
_AROUND = np.array([-1, -1, 1, 1])
_ALWAYS = "class…0123456789."
"""Letters that may be written besides the names."""
_HUES = (0.0, 0.58, 0.33, 0.12, 0.78, 0.48, 0.92, 0.67, 0.22, 0.05)
"""Hues of the first classes, far apart for neighbors; later classes take others."""


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
    which a warning in the log says. Raises ConfigError if there is nothing to draw.
    """
    if not tiles:
        raise ConfigError("there are no images to draw")
    columns = min(columns, len(tiles))
    rows = [tiles[first : first + columns] for first in range(0, len(tiles), columns)]
    heights = [max(_scaled(tile, side)[1] for tile in row) for row in rows]
    captions = _CAPTION if any(tile.caption for tile in tiles) else 0
    below = [height + captions + _MARGIN for height in heights]
    picture = Image.new("RGB", (columns * (side + _MARGIN) + _MARGIN, sum(below) + _MARGIN), _PAPER)
    lettering = Lettering([_ALWAYS, *classes, *(tile.caption for tile in tiles)], _FONT_SIZE)
    top = _MARGIN
    for row, height, step in zip(rows, heights, below, strict=True):
        for column, tile in enumerate(row):
            left = _MARGIN + column * (side + _MARGIN)
            drawn = _draw(tile, classes, side, lettering)
            picture.paste(drawn, (left + (side - drawn.width) // 2, top + (height - drawn.height) // 2))
            text = _shortened(tile.caption, side, lettering)
            lettering.write(ImageDraw.Draw(picture), (left, top + height + 3), text, _INK)
        top += step
    return picture


def tile_picture(tile: Tile, classes: Sequence[str], *, least: int = 320, most: int = 1280) -> Image.Image:
    """Draw one image with its boxes, without its caption.

    It keeps its size, unless its longer side has fewer than `least` pixels or more than `most`.
    """
    side = min(max(*tile.image.shape[:2], least), most)
    return _draw(tile, classes, side, label_lettering(classes, max(_FONT_SIZE, side // 50)))


def class_color(class_id: int) -> tuple[int, int, int]:
    """Return the color of a class, RGB, the same in every picture."""
    if class_id < len(_HUES):
        hue, saturation, value = _HUES[class_id], 0.85, 0.95
    else:
        # Steps of the golden ratio never come back to a hue.
        hue, saturation, value = class_id * 0.61803 % 1, 0.65, 0.9 if class_id % 2 else 0.75
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def label_lettering(classes: Sequence[str], size: int) -> Lettering:
    """Return what writes labels of these classes, in letters of `size` pixels."""
    return Lettering([_ALWAYS, *classes], size)


def label_text(class_id: int, score: float | None, classes: Sequence[str], lettering: Lettering) -> str:
    """Return the class of a box, and its score if it has one; a class by its number if it cannot be written."""
    known = 0 <= class_id < len(classes) and lettering.has(classes[class_id])
    name = classes[class_id] if known else f"class {class_id}"
    return name if score is None else f"{name} {score:.2f}"


def draw_label(
    canvas: ImageDraw.ImageDraw,
    size: tuple[int, int],
    box: NDArray[np.float64],
    text: str,
    color: tuple[int, int, int],
    lettering: Lettering,
) -> None:
    """Write a name on a plate above the upper left corner of a box, or inside of it if there is no room.

    Args:
        canvas: of the picture.
        size: its width and height in pixels.
        box: (4,) xmin ymin xmax ymax in its pixels; none is drawn if one is NaN.
        text: see `label_text`.
        color: of the plate, RGB.
        lettering: writes the text.
    """
    if np.isnan(box).any():
        return
    width = int(lettering.width(text)) + 6
    height = lettering.size + 4
    left = min(max(float(box[0]), 0), max(size[0] - width, 0))
    top = float(box[1]) - height if box[1] >= height else min(max(float(box[1]), 0), size[1] - height)
    canvas.rectangle((left, top, left + width, top + height), fill=color)
    lettering.write(canvas, (left + 3, top + 1), text, _ink_on(color))


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


def _draw(tile: Tile, classes: Sequence[str], side: int, lettering: Lettering) -> Image.Image:
    size, scale = _scaled(tile, side), side / max(tile.image.shape[:2])
    filtering = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    image = Image.fromarray(tile.image).resize(size, filtering)
    canvas = ImageDraw.Draw(image)
    for box in _drawable(tile.faint_boxes, scale, side) if tile.faint_boxes is not None else ():
        _rectangle(canvas, box + _AROUND, _DARK, width=1)  # white alone is lost on white
        _rectangle(canvas, box, (255, 255, 255), width=2)
    if tile.outlines is not None:
        _draw_outlines(canvas, tile.outlines, scale, side)
    boxes = _drawable(tile.boxes, scale, side)
    colors = [class_color(int(number)) for number in (tile.class_ids if tile.colors is None else tile.colors)]
    for box, color in zip(boxes, colors, strict=True):
        _rectangle(canvas, box, color, width=lettering.size // 6 + (tile.outlines is not None))
    # Names come after the boxes, so that no box crosses one, and the first one is on top.
    for number, (box, class_id) in reversed(list(enumerate(zip(boxes, tile.class_ids, strict=True)))):
        score = None if tile.scores is None else float(tile.scores[number])
        text = label_text(int(class_id), score, classes, lettering)
        draw_label(canvas, image.size, box, text, colors[number], lettering)
    return image


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


def _ink_on(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return black or white, whichever is readable on `color`."""
    luminance = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    # At this gray, both have the same contrast (WCAG 2.1, 1.4.3).
    return (20, 20, 20) if luminance > 117 else (255, 255, 255)


def _shortened(text: str, width: int, lettering: Lettering) -> str:
    """Cut the beginning of a text that is too wide: the end of a path tells more."""
    if lettering.width(text) <= width:
        return text
    while text and lettering.width("…" + text) > width:
        text = text[1:]
    return "…" + text
