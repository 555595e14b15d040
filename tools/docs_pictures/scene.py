"""Drawn scenes with balloons, boats and houses: images that one can explain with, and their exact boxes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dali_ssd.records.format.classes import CLASSES_FILE
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter
from dali_ssd.util.files import atomic_open

__all__ = ["CLASSES", "Scene", "write_scenes"]

CLASSES = ("balloon", "boat", "house")
"""Class names in the order of their ids."""
_WIDTH, _HEIGHT, _SHORE = 600, 400, 262
"""Pixels of a scene, and the row where the water begins."""
_SMOOTH = 3
"""A scene is drawn this many times larger and shrunk, so that its edges are smooth."""
_PAINTS = ("#d1495b", "#edae49", "#00798c", "#6a4c93", "#f4f1de", "#e07a5f")


class Scene:
    """A lake before hills, with objects that are placed at random.

    Attributes:
        boxes: `(n, 4)` xmin ymin xmax ymax, fractions of the image.
        class_ids: n ids of `CLASSES`.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._image = Image.new("RGB", (_WIDTH * _SMOOTH, _HEIGHT * _SMOOTH), "#a9d6e5")
        self._canvas = ImageDraw.Draw(self._image)
        self._boxes: list[tuple[float, float, float, float]] = []
        self.class_ids: list[int] = []
        self._land()
        # Each kind has its slots, so that no object hides another.
        for slot in self._slots(150, 3):
            self._house(slot + self._between(0, 60))
        for slot, size in zip(self._slots(200, 3), (0.55, 1.0, 1.35), strict=False):
            self._boat(slot + self._between(10, 60), size)
        for slot in self._slots(120, 4):
            self._balloon(slot + self._between(25, 95), self._between(16, 52))

    @property
    def boxes(self) -> NDArray[np.float64]:
        """Return the boxes, (n, 4) fractions of the image."""
        return np.array(self._boxes).reshape(-1, 4) / [_WIDTH, _HEIGHT, _WIDTH, _HEIGHT]

    def labeled_again(self, number: int) -> Scene:
        """Return the scene with a second box for an object, a pixel aside: a fault that real annotations have."""
        x0, y0, x1, y1 = self._boxes[number]
        self._boxes.append((x0 + 1, y0 + 1, x1 + 1, y1 + 1))
        self.class_ids.append(self.class_ids[number])
        return self

    def jpeg(self) -> bytes:
        """Return the image as a JPEG."""
        stream = io.BytesIO()
        self._image.resize((_WIDTH, _HEIGHT), Image.Resampling.BOX).save(stream, "JPEG", quality=92)
        return stream.getvalue()

    def _between(self, low: float, high: float) -> float:
        return float(self._rng.uniform(low, high))

    def _slots(self, width: int, most: int) -> list[int]:
        """Draw up to `most` different columns of this width, from left to right."""
        columns = self._rng.permutation(_WIDTH // width)[: int(self._rng.integers(1, most + 1))]
        return sorted(int(column) * width for column in columns)

    def _paint(self) -> str:
        return _PAINTS[int(self._rng.integers(len(_PAINTS)))]

    def _shape(self, points: list[tuple[float, float]], fill: str) -> None:
        self._canvas.polygon([(x * _SMOOTH, y * _SMOOTH) for x, y in points], fill=fill)

    def _oval(self, x0: float, y0: float, x1: float, y1: float, fill: str) -> None:
        self._canvas.ellipse((x0 * _SMOOTH, y0 * _SMOOTH, x1 * _SMOOTH, y1 * _SMOOTH), fill=fill)

    def _object(self, name: str, x0: float, y0: float, x1: float, y1: float) -> None:
        self._boxes.append((max(x0, 0), max(y0, 0), min(x1, _WIDTH), min(y1, _HEIGHT)))
        self.class_ids.append(CLASSES.index(name))

    def _land(self) -> None:
        x = np.linspace(0, _WIDTH, 61)
        sun = self._between(60, _WIDTH - 60)
        self._oval(sun - 24, 40, sun + 24, 88, "#fff3b0")
        for row, height, color in ((200, 60, "#8fb8c4"), (232, 36, "#6b9e85"), (_SHORE, 22, "#4f8f5b")):
            ridge = row - height * np.abs(np.sin(x / self._between(60, 110) + self._between(0, 6)))
            self._shape([*zip(x, ridge, strict=True), (_WIDTH, _SHORE), (0, _SHORE)], color)
        self._shape([(0, _SHORE), (_WIDTH, _SHORE), (_WIDTH, _HEIGHT), (0, _HEIGHT)], "#2c7da0")
        for _ in range(18):
            left, y = self._between(0, _WIDTH), self._between(_SHORE + 8, _HEIGHT)
            self._shape([(left, y), (left + 40, y), (left + 34, y + 2), (left + 6, y + 2)], "#468faf")

    def _house(self, left: float) -> None:
        wide, high, bottom = self._between(44, 76), self._between(28, 40), _SHORE + 3
        roof = high * 0.8
        self._shape(
            [(left, bottom - high), (left + wide / 2, bottom - high - roof), (left + wide, bottom - high)], "#9d4edd"
        )
        walls = (left + 4, left + wide - 4)
        self._shape(
            [(walls[0], bottom - high), (walls[1], bottom - high), (walls[1], bottom), (walls[0], bottom)], "#fdf0d5"
        )
        for share in (0.2, 0.62):
            pane = left + wide * share
            self._shape(
                [
                    (pane, bottom - high * 0.75),
                    (pane + 10, bottom - high * 0.75),
                    (pane + 10, bottom - high * 0.4),
                    (pane, bottom - high * 0.4),
                ],
                "#577590",
            )
        self._object("house", left, bottom - high - roof, left + wide, bottom)

    def _boat(self, left: float, size: float) -> None:
        wide, high, bottom = 84 * size, 96 * size, _SHORE + 60 + 46 * size
        deck = bottom - 16 * size
        self._shape(
            [(left, deck), (left + wide, deck), (left + wide * 0.84, bottom), (left + wide * 0.14, bottom)], "#7f4f24"
        )
        mast = left + wide * 0.46
        self._shape([(mast, bottom - high), (mast, deck - 4), (left + wide * 0.95, deck - 4)], "#fefae0")
        self._shape([(mast - 4, bottom - high * 0.86), (mast - 4, deck - 4), (left + 2, deck - 4)], self._paint())
        self._object("boat", left, bottom - high, left + wide, bottom)

    def _balloon(self, center: float, radius: float) -> None:
        top = self._between(12, max(14, 190 - 3 * radius))
        neck, bottom = top + radius * 2.25, top + radius * 2.9
        self._shape(
            [
                (center - radius * 0.94, top + radius * 1.3),
                (center + radius * 0.94, top + radius * 1.3),
                (center + radius * 0.22, neck),
                (center - radius * 0.22, neck),
            ],
            base := self._paint(),
        )
        self._oval(center - radius, top, center + radius, top + radius * 2, base)
        self._oval(center - radius * 0.42, top, center + radius * 0.42, top + radius * 2, self._paint())
        self._shape(
            [
                (center - radius * 0.22, bottom - radius * 0.36),
                (center + radius * 0.22, bottom - radius * 0.36),
                (center + radius * 0.18, bottom),
                (center - radius * 0.18, bottom),
            ],
            "#6f4518",
        )
        self._object("balloon", center - radius, top, center + radius, bottom)


def write_scenes(folder: Path, stem: str, scenes: Iterable[Scene]) -> Path:
    """Write scenes as a shard, with its index and class names, and return the shard."""
    with ShardWriter(folder, stem, 1, overwrite=True) as writer:
        for number, scene in enumerate(scenes):
            writer.write(pack(Header(build_label(scene.boxes, scene.class_ids), number, 0), scene.jpeg()))
    with atomic_open(folder / CLASSES_FILE, "w") as file:
        file.write("".join(f"{name}\n" for name in CLASSES))
    return writer.paths[0]
