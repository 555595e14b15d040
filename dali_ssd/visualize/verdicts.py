"""Pictures of detections by what became of them: right, wrong, or an object missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dali_ssd.metrics.detections import SURE, Detections
from dali_ssd.metrics.per_image import sure_ones
from dali_ssd.metrics.verdicts import WRONG, Kind, find_verdicts
from dali_ssd.visualize.names import Name, label_lettering, label_text, write_names

__all__ = ["LEGEND", "verdict_picture"]

_RIGHT, _WRONG, _MISSED = (0, 200, 120), (255, 80, 0), (250, 225, 60)
_DARK = (20, 20, 24)
_FEW = 5
LEGEND = (
    f"Green: found. Orange: a wrong detection; of many, the surest, as many as there are objects, and at least {_FEW}. "
    "Thin, yellow and black: missed. Names stand where they hide no other box."
)
"""What the colors mean. They differ in brightness too, for those who see no colors."""
_DASH = 3
"""Pixels."""
_LETTERS = 11
"""Height in pixels."""


def verdict_picture(
    image: NDArray[np.uint8], found: Detections, data_shape: int, classes: Sequence[str], *, side: int = 240,
    min_score: float = SURE,
) -> Image.Image:  # fmt: skip
    """Draw the boxes of an image in the colors of `LEGEND`, with class and score at those that were found.

    Args:
        image: (H, W, 3) RGB, of any size.
        found: what was found in it and what is there, in pixels of the network's square input.
        data_shape: side of that input in pixels.
        classes: names of the class ids.
        side: longer side of the picture in pixels.
        min_score: lowest score of a detection that counts.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    picture = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    canvas = ImageDraw.Draw(picture)
    to_picture = np.array([size[0], size[1]] * 2) / data_shape
    sure = sure_ones(found, min_score)
    verdicts = find_verdicts([sure])
    missed = found.true_boxes[verdicts.true_row[verdicts.missed(min_score)]] * to_picture
    for box in missed:
        _outline(canvas, box, size, _MISSED, dashed=True)
    right, wrong = (verdicts.row[np.isin(verdicts.kind, kinds)] for kinds in ((Kind.RIGHT,), WRONG))
    # A network that has hardly learned takes everything for an object, and its boxes would hide the image.
    wrong = wrong[np.argsort(-sure.scores[wrong], kind="stable")][: max(len(found.true_boxes), _FEW)]
    colored = [(row, color) for rows, color in ((right, _RIGHT), (wrong, _WRONG)) for row in rows]
    for row, color in colored:
        _outline(canvas, sure.boxes[row] * to_picture, size, color)
    # Names come after the boxes, so that no box crosses one; errors have the first choice of room, then the surest.
    lettering = label_lettering(classes, _LETTERS)
    names = [
        Name(
            _inside(sure.boxes[row] * to_picture, size),
            label_text(int(sure.class_ids[row]), float(sure.scores[row]), classes, lettering),
            color,
        )
        for row, color in sorted(colored, key=lambda one: (one[1] == _RIGHT, -float(sure.scores[one[0]])))
    ]
    write_names(canvas, size, names, lettering, np.array([_inside(box, size) for box in missed]).reshape(-1, 4))
    return picture


def _inside(box: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return a box (4,) in order and as far as it lies in a picture: a damaged label may hold anything, NaN too."""
    low, high = np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])
    inside: NDArray[Any] = np.concatenate([low, high]).clip(0, np.array([*size, *size]) - 1)
    return inside


def _outline(
    canvas: ImageDraw.ImageDraw, box: NDArray[Any], size: tuple[int, int], color: tuple[int, int, int], *,
    dashed: bool = False,
) -> None:  # fmt: skip
    """Draw a box, with dark beside its color, as far as it lies in the picture."""
    if not np.isfinite(box).all():
        return
    left, top, right, bottom = (float(value) for value in _inside(box, size))
    if not dashed:
        canvas.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_DARK, width=4)
        canvas.rectangle((left, top, right, bottom), outline=color, width=2)
        return
    canvas.rectangle((left, top, right, bottom), outline=color, width=1)
    for start in np.arange(left, right, 2 * _DASH):
        for y in (top, bottom):
            canvas.line((start, y, min(start + _DASH, right), y), fill=_DARK, width=1)
    for start in np.arange(top, bottom, 2 * _DASH):
        for x in (left, right):
            canvas.line((x, start, x, min(start + _DASH, bottom)), fill=_DARK, width=1)
