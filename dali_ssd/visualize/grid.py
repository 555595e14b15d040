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

__all__ = ["Tile", "class_color", "pixels_of", "save_grid", "tile_grid", "tile_picture"]

_MARGIN, _CAPTION, _FONT_SIZE = 10, 22, 13
_PAPER, _INK = (250, 250, 249), (64, 64, 68)
_ALWAYS = "class…0123456789."
"""Letters that may be written besides the names."""
_HUES = (0.0, 0.58, 0.33, 0.12, 0.78, 0.48, 0.92, 0.67, 0.22, 0.05)
"""Hues of the first classes, far apart for neighbors; later classes take others."""


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


def save_grid(tiles: Sequence[Tile], classes: Sequence[str], path: str | Path, *, columns: int = 4) -> None:
    """Draw a grid (see `tile_grid`) and replace the PNG at `path` with it; raises DaliSsdError if that fails."""
    picture = tile_grid(tiles, classes, columns=columns)
    with atomic_path(path) as temporary:
        picture.save(temporary, "PNG")


def tile_grid(tiles: Sequence[Tile], classes: Sequence[str], *, columns: int = 4, side: int = 300) -> Image.Image:
    """Draw images with their boxes in rows, each scaled to fit a square of `side` pixels.

    A class id beyond `classes` is written as a number, and so is a class whose name no font of this machine can write,
    which a warning in the log says. Raises ConfigError if there is nothing to draw.
    """
    if not tiles:
        raise ConfigError("there are no images to draw")
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    captions = _CAPTION if any(tile.caption for tile in tiles) else 0
    cell = (side + _MARGIN, side + captions + _MARGIN)
    picture = Image.new("RGB", (columns * cell[0] + _MARGIN, rows * cell[1] + _MARGIN), _PAPER)
    lettering = Lettering([_ALWAYS, *classes, *(tile.caption for tile in tiles)], _FONT_SIZE)
    for number, tile in enumerate(tiles):
        corner = (_MARGIN + number % columns * cell[0], _MARGIN + number // columns * cell[1])
        drawn = _draw(tile, classes, side, lettering)
        picture.paste(drawn, (corner[0] + (side - drawn.width) // 2, corner[1] + (side - drawn.height) // 2))
        if tile.caption:
            text = _shortened(tile.caption, side, lettering)
            lettering.write(ImageDraw.Draw(picture), (corner[0], corner[1] + side + 3), text, _INK)
    return picture


def tile_picture(tile: Tile, classes: Sequence[str], *, least: int = 320, most: int = 1280) -> Image.Image:
    """Draw one image with its boxes, without its caption.

    It keeps its size, unless its longer side has fewer than `least` pixels or more than `most`.
    """
    side = min(max(*tile.image.shape[:2], least), most)
    return _draw(tile, classes, side, Lettering([_ALWAYS, *classes], _FONT_SIZE))


def class_color(class_id: int) -> tuple[int, int, int]:
    """Return the color of a class, RGB, the same in every picture."""
    if class_id < len(_HUES):
        hue, saturation, value = _HUES[class_id], 0.85, 0.95
    else:
        # Steps of the golden ratio never come back to a hue.
        hue, saturation, value = class_id * 0.61803 % 1, 0.65, 0.9 if class_id % 2 else 0.75
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def pixels_of(data: NDArray[Any], rendered: RenderConfig) -> NDArray[np.uint8]:
    """Turn a network input back into an image: normalized (3, H, W) or (H, W, 3) to (H, W, 3) uint8 RGB."""
    image = data.astype(np.float32)
    if rendered.layout == "NCHW":
        image = image.transpose(1, 2, 0)
    image = image * np.array(rendered.std, np.float32) + np.array(rendered.mean, np.float32)
    pixels: NDArray[np.uint8] = (image * 255).round().clip(0, 255).astype(np.uint8)
    return pixels


def _draw(tile: Tile, classes: Sequence[str], side: int, lettering: Lettering) -> Image.Image:
    height, width = tile.image.shape[:2]
    scale = side / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    filtering = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    image = Image.fromarray(tile.image).resize(size, filtering)
    canvas = ImageDraw.Draw(image)
    for box in _drawable(tile.faint_boxes, scale, side) if tile.faint_boxes is not None else ():
        _rectangle(canvas, box, (255, 255, 255), width=1)
    boxes = _drawable(tile.boxes, scale, side)
    for box, class_id in zip(boxes, tile.class_ids, strict=True):
        _rectangle(canvas, box, class_color(int(class_id)), width=2)
    # Names come after the boxes, so that no box crosses one, and the first one is on top.
    for number, (box, class_id) in reversed(list(enumerate(zip(boxes, tile.class_ids, strict=True)))):
        known = 0 <= class_id < len(classes) and lettering.has(classes[class_id])
        name = classes[class_id] if known else f"class {class_id}"
        text = name if tile.scores is None else f"{name} {tile.scores[number]:.2f}"
        _label(canvas, image.size, box, text, class_color(int(class_id)), lettering)
    return image


def _drawable(boxes: NDArray[np.float32], scale: float, side: int) -> NDArray[np.float64]:
    """Scale boxes and limit those far outside: a damaged label may hold anything, and Pillow draws all of it."""
    return np.clip(boxes.astype(np.float64) * scale, -side, 2 * side)


def _rectangle(canvas: ImageDraw.ImageDraw, box: NDArray[np.float64], color: tuple[int, int, int], width: int) -> None:
    xmin, ymin, xmax, ymax = (float(value) for value in box)
    # A damaged label may be inverted or NaN; it is drawn as far as possible.
    if np.isnan(box).any():
        return
    canvas.rectangle((min(xmin, xmax), min(ymin, ymax), max(xmin, xmax), max(ymin, ymax)), outline=color, width=width)


def _label(
    canvas: ImageDraw.ImageDraw,
    size: tuple[int, int],
    box: NDArray[np.float64],
    text: str,
    color: tuple[int, int, int],
    lettering: Lettering,
) -> None:
    """Write a name on a plate above the box's upper left corner, or inside if there is no room."""
    if np.isnan(box).any():
        return
    width = int(lettering.width(text)) + 6
    height = _FONT_SIZE + 4
    left = min(max(float(box[0]), 0), max(size[0] - width, 0))
    top = float(box[1]) - height if box[1] >= height else min(max(float(box[1]), 0), size[1] - height)
    canvas.rectangle((left, top, left + width, top + height), fill=color)
    lettering.write(canvas, (left + 3, top + 1), text, _ink_on(color))


def _ink_on(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return black or white, whichever is readable on `color`."""
    luminance = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    return (20, 20, 20) if luminance > 140 else (255, 255, 255)


def _shortened(text: str, width: int, lettering: Lettering) -> str:
    """Cut the beginning of a text that is too wide: the end of a path tells more."""
    if lettering.width(text) <= width:
        return text
    while text and lettering.width("…" + text) > width:
        text = text[1:]
    return "…" + text
