"""Names of boxes, on plates where there is room for them; `legend` tells the rest."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from dali_ssd.visualize.lettering import Lettering

__all__ = [
    "Color",
    "Name",
    "class_color",
    "label_lettering",
    "label_text",
    "write_names",
]

Color: TypeAlias = tuple[int, int, int]
"""RGB."""
_ALWAYS = "class…0123456789."
"""Letters that may be written besides the names."""
_HUES = (0.0, 0.58, 0.33, 0.12, 0.78, 0.48, 0.92, 0.67, 0.22, 0.05)
"""Hues of the first classes, far apart for neighbors; later classes take others."""
_HIDDEN = 0.15
"""Share of a box that names may cover."""


@dataclass(frozen=True)
class Name:
    """What is to be written at a box."""

    box: NDArray[np.float64]
    """(4,) xmin ymin xmax ymax in pixels of the picture; nothing is written if one is NaN."""
    text: str
    """See `label_text`."""
    color: Color
    """Of the box and of the plate."""


def class_color(class_id: int) -> Color:
    """Return the color of a class, RGB, the same in every picture."""
    if class_id < len(_HUES):
        hue, saturation, value = _HUES[class_id], 0.85, 0.95
    else:
        # Steps of the golden ratio never come back to a hue.
        hue, saturation, value = class_id * 0.61803 % 1, 0.65, 0.9 if class_id % 2 else 0.75
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def label_lettering(classes: Sequence[str], size: int, more: Iterable[str] = ()) -> Lettering:
    """Return what writes labels of these classes, and `more`, in letters of `size` pixels."""
    return Lettering([_ALWAYS, *classes, *more], size)


def label_text(class_id: int, score: float | None, classes: Sequence[str], lettering: Lettering) -> str:
    """Return the class of a box, and its score if it has one; a class by its number if it cannot be written."""
    known = 0 <= class_id < len(classes) and lettering.has(classes[class_id])
    name = classes[class_id] if known else f"class {class_id}"
    return name if score is None else f"{name} {score:.2f}"


def write_names(
    canvas: ImageDraw.ImageDraw,
    size: tuple[int, int],
    names: Sequence[Name],
    lettering: Lettering,
    clear: NDArray[np.float64] | None = None,
) -> list[int]:
    """Write names at their boxes where they hide little, and return the numbers of those that are left out.

    A name stands above its box or inside of it, at the picture's upper edge also below it, and covers no other name.
    All names together cover at most a seventh of a box, of those that are named and of `clear`. The first names have
    the first choice, and a name that is alone is always written.

    Args:
        canvas: of the picture.
        size: its width and height in pixels.
        names: the most important first.
        lettering: writes them.
        clear: (m, 4) further boxes that are drawn.
    """
    shown = [number for number, name in enumerate(names) if not np.isnan(name.box).any()]
    boxes = _visible([*(names[number].box for number in shown), *(() if clear is None else clear)], size)
    areas = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1)
    hidden, plates, left_out = np.zeros(len(boxes)), np.zeros((0, 4)), []

    def most_hidden(place: NDArray[np.float64]) -> float:
        """Return the largest share that would be hidden of any box that a plate covers."""
        if place[2] > size[0] or _shared(place, plates).any():
            return math.inf
        shared = _shared(place, boxes)
        return float(((hidden + shared) / areas)[shared > 0].max(initial=0))

    for own, number in enumerate(shown):
        name = names[number]
        text = lettering.shortened(name.text, size[0] - 6)
        places = _places(name.box, boxes[own], int(lettering.width(text)) + 6, lettering.size + 4, size)
        plate = next((place for place in places if most_hidden(place) <= _HIDDEN), None)
        if plate is None and len(shown) == 1:
            plate = min(places, key=most_hidden)
        if plate is None:
            left_out.append(number)
            continue
        hidden += _shared(plate, boxes)
        plates = np.vstack([plates, plate])
        canvas.rectangle(tuple(plate), fill=name.color)
        lettering.write(canvas, (plate[0] + 3, plate[1] + 1), text, _ink_on(name.color))
    return left_out


def _visible(boxes: Sequence[NDArray[np.float64]], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return boxes (n, 4) in order and as far as they lie in a picture: a damaged label may hold anything."""
    every = np.nan_to_num(np.array(boxes, np.float64).reshape(-1, 4))
    corners = np.hstack([np.minimum(every[:, :2], every[:, 2:]), np.maximum(every[:, :2], every[:, 2:])])
    inside: NDArray[np.float64] = corners.clip(0, np.array([*size, *size], np.float64))
    return inside


def _places(
    box: NDArray[np.float64], visible: NDArray[np.float64], width: int, height: int, size: tuple[int, int]
) -> list[NDArray[np.float64]]:
    """Return where a plate may stand, (4,) each: above its box, inside of its upper edge, or else below it."""
    left = min(max(float(box[0]), 0), max(size[0] - width, 0))
    above, top, bottom = float(visible[1]) - height, float(visible[1]), float(visible[3])
    # Below a box, a name seems to be that of the next one, so this is for boxes that have no room above.
    tops = (above, top) if above >= 0 else (top, bottom)
    inside = [at for at in tops if 0 <= at <= size[1] - height]
    return [np.array([left, at, left + width, at + height]) for at in inside or [0.0]]


def _shared(one: NDArray[np.float64], boxes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the areas that a plate has in common with boxes (n, 4)."""
    low, high = np.maximum(one[:2], boxes[:, :2]), np.minimum(one[2:], boxes[:, 2:])
    shared: NDArray[np.float64] = np.maximum(high - low, 0).prod(axis=1)
    return shared


def _ink_on(color: Color) -> Color:
    """Return black or white, whichever is readable on `color`."""
    luminance = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    # At this gray, both have the same contrast (WCAG 2.1, 1.4.3).
    return (20, 20, 20) if luminance > 117 else (255, 255, 255)
