"""The results of `dali-ssd detect` as files: a line of JSON for each image, and pictures."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from dali_ssd.errors import ConfigError, RecordError
from dali_ssd.gluon.detecting.run import Seen
from dali_ssd.util.files import locked, make_folder, open_lines, part_name, require_folder
from dali_ssd.util.words import counted
from dali_ssd.visualize.grid import Tile, save_picture, tile_picture
from dali_ssd.visualize.stored import decoded

__all__ = ["LINES", "Results", "require_place"]

_log = logging.getLogger(__name__)

LINES = "detections.jsonl"
_MOST = 1280
"""Pixels of the longer side of a picture."""


def require_place(folder: Path, inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Make the folder for the results; `inputs` are the files that are read, and the folders that were searched.

    Raises ConfigError if files are there and must not be replaced, or if it is the inputs' own; DaliSsdError if
    nothing can be written there.
    """
    require_folder("--out", folder)
    if folder.resolve() in {path.resolve() if path.is_dir() else path.resolve().parent for path in inputs}:
        raise ConfigError(f"--out {folder} has files that are to be read; choose another folder")
    part = part_name(folder / LINES)
    if part.is_file() and not overwrite:
        raise ConfigError(
            f"--out {folder} has {_lines_of(part)} of a run that was interrupted, in {part.name}; choose another "
            "folder, or begin again by --overwrite"
        )
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise ConfigError(f"--out {folder} has files already; choose another folder, or replace them by --overwrite")
    make_folder(folder)


@dataclass
class Results:
    """Context manager that writes what is seen; the lines get their name once all are written.

    If the work is interrupted, those that are written stay under another name, which is said, and so is what is left of
    an earlier run. Raises DaliSsdError at the begin if another process writes to the folder.
    """

    folder: Path
    classes: Sequence[str]
    pictures: bool
    images: int = 0
    objects: int = 0
    undrawn: int = 0
    """Images that OpenCV cannot decode, so that they have no picture."""
    _names: set[str] = field(default_factory=set)
    _replaced: int = 0
    """Pictures that were there already."""

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.enter_context(locked(self.folder))
            self._lines = opened.enter_context(open_lines(self.folder / LINES))
            self._opened = opened.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        part = part_name(self.folder / LINES)
        try:
            self._opened.__exit__(kind, error, at)
        finally:
            if self.images and part.exists():
                _log.warning("interrupted: %s in %s%s", counted(self.images, "line"), part, self._earlier())
            else:
                part.unlink(missing_ok=True)

    def add(self, seen: Seen) -> None:
        """Write the line of an image, and its picture. Raises DaliSsdError if that fails."""
        name = self._draw(seen) if self.pictures else None
        self._lines.write(json.dumps(_row(seen, self.classes, name)) + "\n")
        self.images += 1
        self.objects += len(seen.scores)

    def _earlier(self) -> str:
        """Return what is left of an earlier run, in words."""
        before = self.folder / LINES
        if not before.is_file():
            return ""
        pictures = f", of whose pictures this one has replaced {self._replaced}" if self._replaced else ""
        return f"; {before} still has the {_lines_of(before)} of an earlier run{pictures}"

    def _draw(self, seen: Seen) -> str | None:
        try:
            image = _turned(decoded(seen.image, seen.place, enough=_MOST), seen.orientation)
        except RecordError:  # DALI has decoders that OpenCV lacks
            self.undrawn += 1
            return None
        scale = np.array([image.shape[1] / seen.size[0], image.shape[0] / seen.size[1]] * 2)
        tile = Tile(image, (seen.boxes * scale).astype(np.float32), seen.class_ids, scores=seen.scores)
        name = self._free_name(_stem(seen))
        self._replaced += (self.folder / name).exists()
        save_picture(tile_picture(tile, self.classes, most=_MOST), self.folder / name)
        return name

    def _free_name(self, stem: str) -> str:
        """Return the name of a picture; images of the same name in other folders get numbers."""
        name, number = f"{stem}.jpg", 1
        while name.casefold() in self._names:  # some file systems take both cases for one
            number += 1
            name = f"{stem}-{number}.jpg"
        self._names.add(name.casefold())
        return name


def _lines_of(file: Path) -> str:
    """Return how many lines a file has, in words."""
    with open(file, "rb") as lines:
        return counted(sum(1 for _ in lines), "line")


def _stem(seen: Seen) -> str:
    if seen.file is not None:
        return seen.file.stem
    return f"{seen.place.shard.stem if seen.place.shard else ''}-{seen.place.key}"


def _row(seen: Seen, classes: Sequence[str], picture: str | None) -> dict[str, Any]:
    """Return what a line says of an image; boxes are rounded to thousandths of a pixel."""
    source = {"file": str(seen.file)} if seen.file else {"shard": str(seen.place.shard), "record": seen.place.key}
    columns = zip(seen.class_ids, seen.scores, seen.boxes, strict=True)
    return {
        **source,
        "width": seen.size[0],
        "height": seen.size[1],
        "turned": seen.orientation != 1,
        "picture": picture,
        "detections": [
            {
                "class": classes[class_id],
                "class_id": int(class_id),
                "score": float(str(score)),  # the shortest number that is this float32
                "box": [round(float(side), 3) for side in box],
            }
            for class_id, score, box in columns
        ],
    }


def _turned(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return a raw raster (H, W, 3) as viewers show it."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)
