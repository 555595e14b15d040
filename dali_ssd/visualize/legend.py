"""Legends of pictures: which color has which name, where there is no room to write the names at the boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from PIL import Image, ImageDraw

from dali_ssd.visualize.lettering import Lettering
from dali_ssd.visualize.names import Color

__all__ = ["INK", "PAPER", "Legend", "legend_picture", "merged", "with_legend"]

Legend: TypeAlias = Mapping[str, Sequence[Color]]
"""The colors of the boxes that have a name."""

PAPER, INK = (250, 250, 249), (64, 64, 68)
_ROWS = 6
"""Most lines of a legend; a further one counts the names that are left."""
_APART = 14
"""Pixels between two names."""


def merged(legends: Iterable[Legend]) -> Legend:
    """Return all names of some legends, each color once."""
    every: dict[str, dict[Color, None]] = {}
    for legend in legends:
        for name, colors in legend.items():
            every.setdefault(name, {}).update(dict.fromkeys(colors))
    return {name: tuple(colors) for name, colors in every.items()}


def legend_picture(legend: Legend, width: int, lettering: Lettering) -> Image.Image:
    """Draw names behind squares of their colors, in as many lines as it takes up to six."""
    square, step = lettering.size - 2, lettering.size + 9
    canvas = ImageDraw.Draw(picture := Image.new("RGB", (width, step * (_ROWS + 1)), PAPER))
    left, row = 0, 0
    for number, (name, colors) in enumerate(legend.items()):
        squares = len(colors) * (square + 3) + 2
        text = lettering.shortened(name, width - squares)
        wide = squares + int(lettering.width(text))
        if left and left + wide > width:
            left, row = 0, row + 1
        top = row * step + 4
        if row == _ROWS:
            lettering.write(canvas, (0, top), f"… {len(legend) - number}", INK)
            break
        for at in range(len(colors)):
            x = left + at * (square + 3)
            canvas.rectangle((x, top + 2, x + square - 1, top + 1 + square), fill=colors[at])
        lettering.write(canvas, (left + squares, top), text, INK)
        left += wide + _APART
    return picture.crop((0, 0, width, (row + 1) * step))


def with_legend(picture: Image.Image, legend: Legend, lettering: Lettering, *, margin: int = 0) -> Image.Image:
    """Return a picture with its legend below it, within a margin; as it is if the legend is empty."""
    if not legend:
        return picture
    below = legend_picture(legend, picture.width - 2 * margin, lettering)
    both = Image.new("RGB", (picture.width, picture.height + below.height + margin), PAPER)
    both.paste(picture, (0, 0))
    both.paste(below, (margin, picture.height))
    return both
