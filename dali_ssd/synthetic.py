"""A small drawn detection set: shapes on textured backgrounds, as JPEG records with tight boxes.

For the demo and for tests: it needs no download, is the same for the same seed, and is hard enough that a network has
to look at shapes, since colors, sizes and places say nothing about the class.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from dali_ssd.errors import ConfigError
from dali_ssd.records.format.classes import CLASSES_FILE
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter
from dali_ssd.util.files import atomic_open

__all__ = ["SHAPES", "draw_scene", "write_shapes"]

Rng: TypeAlias = np.random.Generator
Points: TypeAlias = NDArray[np.float64]

EMPTY = 0.04
"""Share of the images without an object."""
_SIDES = (200, 340)
"""Range of the images' width and height in pixels."""
_OBJECTS = (2, 7)
"""Range of the number of objects drawn, before those that would hide another are left out."""
_SIZE = (0.18, 0.5)
"""Range of an object's size as a share of the image's shorter side."""
_SMOOTH = 4
"""Shapes are drawn this many times larger and shrunk, so that their edges are smooth."""


def _circle(rng: Rng) -> Points:
    points = _around(np.linspace(0, 2 * np.pi, 48, endpoint=False), np.ones(48))
    points[:, 1] *= rng.uniform(0.8, 1.0)
    return points


def _square(rng: Rng) -> Points:
    return _turned(_around(np.pi / 4 + np.arange(4) * np.pi / 2, np.full(4, 1.0)), rng.uniform(-0.3, 0.3))


def _triangle(rng: Rng) -> Points:
    return _turned(_around(-np.pi / 2 + np.arange(3) * 2 * np.pi / 3, np.ones(3)), rng.uniform(-0.4, 0.4))


def _star(rng: Rng) -> Points:
    radii = np.where(np.arange(10) % 2, 0.42, 1.0)
    return _turned(_around(-np.pi / 2 + np.arange(10) * np.pi / 5, radii), rng.uniform(-0.3, 0.3))


_DRAWERS: dict[str, Callable[[Rng], Points]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
}

SHAPES = tuple(_DRAWERS)
"""Class names in the order of their ids."""


def draw_scene(rng: Rng) -> tuple[Image.Image, NDArray[np.float32], NDArray[np.int32]]:
    """Draw an image; return it, its boxes (n, 4) float32 fractions and class ids (n,) int32; n may be 0."""
    width, height = (int(side) for side in rng.integers(*_SIDES, size=2))
    image = _background(rng, width, height)
    boxes: list[NDArray[np.float64]] = []
    ids: list[int] = []
    count = 0 if rng.random() < EMPTY else int(rng.integers(*_OBJECTS, endpoint=True))
    for _ in range(count):
        class_id = int(rng.integers(len(SHAPES)))
        points = _placed(rng, _DRAWERS[SHAPES[class_id]](rng), width, height)
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        if all(_apart(box, other) for other in boxes):
            image = _painted(rng, image, points)
            boxes.append(box)
            ids.append(class_id)
    scale = np.array([width, height, width, height])
    return image, np.array([box / scale for box in boxes], np.float32).reshape(-1, 4), np.array(ids, np.int32)


def write_shapes(folder: Path, stem: str, count: int, *, seed: int, num_shards: int = 1) -> tuple[Path, ...]:
    """Draw `count` images into shards, with `classes.txt` beside them; replaces shards of the same stem.

    The same seed and stem give the same images whatever `count` is. Raises ConfigError if `count` is below 1.
    """
    if count < 1:
        raise ConfigError(f"the number of images must be greater than 0, not {count}")
    with ShardWriter(folder, stem, num_shards, overwrite=True) as writer:
        for number in range(count):
            image, boxes, ids = draw_scene(np.random.default_rng([seed, number, *stem.encode()]))
            jpeg = io.BytesIO()
            image.save(jpeg, "JPEG", quality=90)
            writer.write(pack(Header(build_label(boxes, ids), number, 0), jpeg.getvalue()))
    with atomic_open(folder / CLASSES_FILE, "w") as file:
        file.write("".join(f"{name}\n" for name in SHAPES))
    return writer.paths


def _around(angles: Points, radii: Points) -> Points:
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _turned(points: Points, angle: float) -> Points:
    c, s = np.cos(angle), np.sin(angle)
    turned: Points = points @ np.array([[c, s], [-s, c]])
    return turned


def _placed(rng: Rng, points: Points, width: int, height: int) -> Points:
    """Scale a shape to a random size and move it to a random place inside the image."""
    points = points - points.min(axis=0)
    size = rng.uniform(*_SIZE) * min(width, height)
    points = points * (size / points.max())
    room = np.array([width, height]) - points.max(axis=0)
    placed: Points = points + rng.uniform(0, 1, 2) * room
    return placed


def _apart(box: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Return whether two boxes overlap by less than a tenth of the smaller one, so that no shape hides another."""
    sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    smaller = min(np.prod(box[2:] - box[:2]), np.prod(other[2:] - other[:2]))
    return bool(np.prod(np.maximum(sides, 0)) < 0.1 * smaller)


def _background(rng: Rng, width: int, height: int) -> Image.Image:
    """Draw blotches of two or three colors with stripes and grain."""
    coarse = rng.integers(0, 256, (int(rng.integers(3, 9)), int(rng.integers(3, 9)), 3)).astype(np.uint8)
    blotches = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    pixels: NDArray[Any] = np.asarray(blotches, np.float32)
    gray = pixels.mean(axis=2, keepdims=True)
    pixels = (gray + (pixels - gray) * rng.uniform(0.1, 0.7)) * rng.uniform(0.4, 0.9) + rng.uniform(10, 60)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, wavelength = rng.uniform(0, np.pi), rng.uniform(6, 40)
    stripes = np.sin((x * math.cos(angle) + y * math.sin(angle)) * (2 * math.pi / wavelength))
    pixels += (stripes * rng.uniform(0, 25))[..., None]
    pixels += rng.normal(0, rng.uniform(2, 12), (height, width, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _painted(rng: Rng, image: Image.Image, points: Points) -> Image.Image:
    """Fill a shape with a color that stands out from what is behind it, with an outline now and then."""
    left, top = (int(value) for value in np.floor(points.min(axis=0)))
    right, bottom = (int(value) for value in np.ceil(points.max(axis=0)))
    size = (max(right - left, 1), max(bottom - top, 1))
    mask = Image.new("L", (size[0] * _SMOOTH, size[1] * _SMOOTH))
    corners = [tuple(point) for point in ((points - [left, top]) * _SMOOTH).tolist()]
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    mask = mask.resize(size, Image.Resampling.BOX)
    behind = np.asarray(image.crop((left, top, left + size[0], top + size[1])).resize((1, 1), Image.Resampling.BOX))
    color = _other_color(rng, behind.reshape(3))
    if rng.random() < 0.4:
        edge = mask.filter(ImageFilter.MinFilter(5))
        image.paste(_other_color(rng, np.array(color)), (left, top), mask)
        mask = edge
    image.paste(color, (left, top), mask)
    return image


def _other_color(rng: Rng, color: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Draw a color that clearly differs from `color`."""
    while True:
        drawn = rng.integers(0, 256, 3)
        if np.abs(drawn - color.astype(int)).sum() > 220:
            return int(drawn[0]), int(drawn[1]), int(drawn[2])
