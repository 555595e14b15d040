"""COCO: one JSON file for all images.

Boxes `[x, y, width, height]` become corners x, y, x + width, y + height. (GluonCV's `COCODetection` takes one pixel
off width and height first.) Class ids number the categories in the order of their COCO ids.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from dali_ssd.convert.locate import locate
from dali_ssd.convert.names import name_fault
from dali_ssd.convert.options import CocoConfig
from dali_ssd.convert.sample import Note, Sample, plausible_size
from dali_ssd.errors import AnnotationError

__all__ = ["find_annotations", "read_coco"]

Entry = dict[str, Any]


def find_annotations(config: CocoConfig) -> Path:
    """The JSON file: `--annotations`, SRC itself, or where COCO sets usually have it. Raises `AnnotationError`."""
    if config.src.is_file():
        return config.src
    names = ["annotations/instances.json", "instances.json", "annotations.json", "_annotations.coco.json"]
    if config.split:
        names = [f"{folder}instances_{config.split}.json" for folder in ("annotations/", "")] + names
    if config.annotations:
        names = [config.annotations]
    for name in names:
        if (config.src / name).is_file():
            return config.src / name
    raise AnnotationError(
        f"no COCO annotations in {config.src} (looked for {', '.join(names)}); --annotations names them"
    )


def _images_folder(config: CocoConfig, annotations: Path) -> Path:
    root = config.src if config.src.is_dir() else annotations.parent
    if config.images:
        return root / config.images
    names = [config.split, f"images/{config.split}"] if config.split else []
    return next((root / name for name in [*names, "images"] if (root / name).is_dir()), root)


def _load(path: Path) -> Entry:
    try:
        with open(path, "rb") as file:
            content = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise AnnotationError(f"cannot read the annotations {path}: {error}") from error
    for key in ("images", "annotations", "categories"):
        entries = content.get(key) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise AnnotationError(f"{path} is not a COCO instances file: it has no list {key!r}")
    return dict(content)


def _get(entry: Entry, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    value = entry.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise AnnotationError(f"{where}: {key!r} is {'missing' if key not in entry else repr(value)[:80]}")
    return value


def _id(entry: Entry, key: str, where: str) -> str:
    """An id as text: tools write 1 as well as "1" and mean the same."""
    return str(_get(entry, key, (int, str), where)).strip()


def _line(entry: Entry, key: str, where: str) -> str:
    """A name that fits in a line of text."""
    name: str = _get(entry, key, str, where)
    if fault := name_fault(name):
        raise AnnotationError(f"{where}: {key!r} cannot be used, {name!r} {fault}; correct it in the file")
    return name


def _in_order(identity: str) -> tuple[bool, int, str]:
    """Sorts ids that are numbers by their value, before the others."""
    number = identity.isascii() and identity.removeprefix("-").isdecimal() and len(identity) < 20
    return (not number, int(identity) if number else 0, identity)


def _unique(entries: Iterable[Entry], path: Path, what: str) -> dict[str, Entry]:
    """Entries by their id."""
    table: dict[str, Entry] = {}
    for number, entry in enumerate(entries):
        identity = _id(entry, "id", f"{path}, {what} number {number}")
        if identity in table:
            raise AnnotationError(f"{path}: two {what} have the id {identity}")
        table[identity] = entry
    return table


def _box(entry: Entry) -> list[float]:
    """x, y, width, height of an object. Raises ValueError that says what is wrong with its box."""
    box = entry.get("bbox")
    if (
        not isinstance(box, list)
        or len(box) != 4
        or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in box)
    ):
        raise ValueError(f"'bbox' is {box!s:.80}, not four numbers")
    try:
        return [float(value) for value in box]
    except OverflowError:
        raise ValueError("'bbox' has a number that is too large") from None


def _corners(box: Iterable[float]) -> list[float]:
    x, y, width, height = box
    return [x, y, x + width, y + height]


def _declared_size(image: Entry) -> tuple[int, int] | None:
    width, height = image.get("width"), image.get("height")
    if not isinstance(width, int | float) or not isinstance(height, int | float):
        return None
    return plausible_size(width, height)


class _Reader:
    """One annotation file, looked into."""

    def __init__(self, path: Path, folder: Path, keep_crowd: bool) -> None:
        content = _load(path)
        self.path, self.folder, self.keep_crowd = path, folder, keep_crowd
        self.images = _unique(content["images"], path, "images")
        categories = _unique(content["categories"], path, "categories")
        self.names: dict[str, str] = {
            identity: _line(categories[identity], "name", f"{path}, category {identity}").strip()
            for identity in sorted(categories, key=_in_order)
        }
        self.notes: list[Note] = []
        self.by_image: dict[str, list[Entry]] = defaultdict(list)
        for number, entry in enumerate(content["annotations"]):
            self._sort_in(entry, f"{path}, annotation {entry.get('id', f'number {number}')}")

    def _sort_in(self, entry: Entry, where: str) -> None:
        image = _id(entry, "image_id", where)
        if image in self.images:
            self.by_image[image].append(entry)
        else:
            self.notes.append(Note("unknown-image", where, f"image {image}"))

    def sample(self, identity: str) -> Sample:
        where = f"{self.path}, image {identity}"
        entries, notes = self.by_image.get(identity, []), []
        if not self.keep_crowd:
            crowd = [entry for entry in entries if entry.get("iscrowd")]
            entries = [entry for entry in entries if not entry.get("iscrowd")]
            notes = [Note("crowd", f"{self.path}, annotation {entry.get('id')}") for entry in crowd]
        file_name = _line(self.images[identity], "file_name", where)
        image = locate(self.folder, file_name)
        if image.name != file_name.replace("\\", "/").rpartition("/")[2]:
            notes.append(Note("other-case", str(image), file_name))
        boxes, usable = [], []
        for entry in entries:
            try:
                boxes.append(_box(entry))
                usable.append(entry)
            except ValueError as error:
                notes.append(Note("broken-object", f"{self.path}, annotation {entry.get('id')}", str(error)))
        entries = usable
        return Sample(
            image,
            where,
            _declared_size(self.images[identity]),
            np.array([_corners(box) for box in boxes], np.float64).reshape(-1, 4),
            tuple(self._name(entry, where) for entry in entries),
            tuple(bool(entry.get("iscrowd")) for entry in entries) if self.keep_crowd else None,
            tuple(notes),
            with_sides=np.array(boxes, np.float64).reshape(-1, 4),
        )

    def _name(self, entry: Entry, where: str) -> str:
        category = _id(entry, "category_id", where)
        name: str | None = self.names.get(category)
        return name if name is not None else f"category {category}, which the file does not define"


def read_coco(config: CocoConfig, classes: tuple[str, ...] = ()) -> tuple[list[Sample], tuple[str, ...], list[Note]]:
    """Samples in the file's order of images, class names, and notes on annotations without image.

    Class names default to the file's categories in the order of their ids. Raises `AnnotationError`.
    """
    path = find_annotations(config)
    reader = _Reader(path, _images_folder(config, path), config.crowd)
    names = tuple(reader.names.values())
    if not classes and len(set(names)) != len(names):
        raise AnnotationError(f"{path}: two categories have the same name; give the class names by --classes")
    samples = [reader.sample(identity) for identity in reader.images]
    if classes:
        return samples, classes, reader.notes
    used = {name for sample in samples for name in sample.names}
    kind = "dropped-class" if config.drop_empty_classes else "unused-class"
    notes = [*reader.notes, *(Note(kind, name) for name in names if name not in used)]
    return samples, tuple(name for name in names if name in used) if config.drop_empty_classes else names, notes
