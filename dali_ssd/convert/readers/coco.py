"""COCO: one JSON file for all images.

Boxes `[x, y, width, height]` become corners x, y, x + width, y + height. (GluonCV's `COCODetection` takes one pixel
off width and height first.) Class ids number the categories in the order of their COCO ids.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dali_ssd.convert.options import ConvertConfig
from dali_ssd.convert.readers import coco_fields as fields
from dali_ssd.convert.readers.coco_fields import Entry
from dali_ssd.convert.readers.locate import locate, locate_folder
from dali_ssd.convert.sample import Note, Sample
from dali_ssd.errors import AnnotationError, NothingLeftError

__all__ = ["CocoConfig", "find_annotations", "read_coco"]


@dataclass(frozen=True)
class CocoConfig(ConvertConfig):
    """Convert COCO annotations (one JSON file) to shards. SRC may also be the JSON file itself."""

    crowd: bool = False
    """Keep crowd regions, marked difficult; otherwise they are left out."""
    drop_empty_classes: bool = False
    """Leave out categories that no annotation uses; otherwise they have class ids as well."""


def find_annotations(config: CocoConfig) -> Path:
    """Return the JSON file: `--annotations`, SRC itself, or a usual place. Raises `AnnotationError` if not found."""
    if os.path.isfile(config.src):
        return config.src
    names = ["annotations/instances.json", "instances.json", "annotations.json", "_annotations.coco.json"]
    if config.split:
        names = [f"{folder}instances_{config.split}.json" for folder in ("annotations/", "")] + names
    if config.annotations:
        names = [config.annotations]
    found = (path for name in names if os.path.isfile(path := locate(config.src, name).path))
    if (first := next(found, None)) is not None:
        return first
    raise AnnotationError(
        f"no COCO annotations in {config.src} (looked for {', '.join(names)}); --annotations names them"
    )


def read_coco(config: CocoConfig, classes: tuple[str, ...] = ()) -> tuple[list[Sample], tuple[str, ...], list[Note]]:
    """Return samples in the file's order of images, class names, and notes on what was left out.

    Class names default to the file's categories in the order of their ids. Raises `AnnotationError` if the file is
    unusable.
    """
    path = find_annotations(config)
    reader = _Reader(path, _images_folder(config, path), config.crowd)
    names = tuple(reader.names.values())
    if not classes:
        _check_names(path, names)
    found = [reader.sample(identity) for identity in reader.images]
    samples = [one for one in found if isinstance(one, Sample)]
    notes = [*reader.notes, *(one for one in found if isinstance(one, Note))]
    if classes:
        return samples, classes, notes
    used = {name for sample in samples for name in sample.names}
    kind = "dropped-class" if config.drop_empty_classes else "unused-class"
    notes += [Note(kind, name) for name in names if name not in used]
    return samples, tuple(name for name in names if name in used) if config.drop_empty_classes else names, notes


def _check_names(path: Path, names: Sequence[str]) -> None:
    if not names:
        raise NothingLeftError(f"{path} has no categories, so its objects have no classes; add them to the file")
    if len(set(names)) != len(names):
        raise AnnotationError(f"{path}: two categories have the same name; give the class names by --classes")


class _Fault(NamedTuple):
    where: str
    problem: str


_Numbered = tuple[int, Entry]
"""An entry, and its number in the file's list."""


def _images_folder(config: CocoConfig, annotations: Path) -> Path:
    root = config.src if os.path.isdir(config.src) else annotations.parent
    if config.images:
        return locate_folder(root, config.images)
    names = [config.split, f"images/{config.split}"] if config.split else []
    return next((path for name in [*names, "images"] if os.path.isdir(path := locate_folder(root, name))), root)


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


def _in_order(identity: str) -> tuple[bool, int, str]:
    """Return a sort key for an id: numbers by value, before other ids."""
    number = identity.isascii() and identity.removeprefix("-").isdecimal() and len(identity) < 20
    return (not number, int(identity) if number else 0, identity)


def _by_id(entries: Iterable[Entry], path: Path, what: str) -> tuple[dict[str, list[_Numbered]], list[_Fault]]:
    """Return the entries of each id with their numbers in the list, and the faults of those without one."""
    table: dict[str, list[_Numbered]] = defaultdict(list)
    faults = []
    for number, entry in enumerate(entries):
        try:
            identity = fields.identity(entry, "id")
        except ValueError as error:
            faults.append(_Fault(f"{path}, {what} number {number}", str(error)))
            continue
        table[identity].append((number, entry))
    return table, faults


def _class_names(entries: Sequence[Entry], path: Path) -> dict[str, str]:
    """Return class names by category id, sorted. Raises `AnnotationError` if one lacks either: ids would shift."""
    categories, faults = _by_id(entries, path, "categories")
    names = {}
    for identity in sorted(categories, key=_in_order):
        (number, entry), *others = categories[identity]
        if others:
            raise AnnotationError(
                f"{path}: categories number {number}, {entry.get('name')!r:.80}, and number {others[0][0]}, "
                f"{others[0][1].get('name')!r:.80}, both have the id {identity}; give each its own in the file"
            )
        try:
            names[identity] = fields.line(entry, "name").strip()
        except ValueError as error:
            faults.append(_Fault(f"{path}, category {identity}", str(error)))
    if faults:
        raise AnnotationError(f"{faults[0].where}: {faults[0].problem}; correct it in the file")
    return names


def _images(by_id: Mapping[str, Sequence[_Numbered]], path: Path) -> tuple[dict[str, Entry], list[Note]]:
    """Return the images that have an id of their own, and notes on the others.

    Where several files have an id, none is taken: pycocotools, and so GluonCV, gives the objects of all to the last.
    """
    images, notes = {}, []
    for identity, same in by_id.items():
        kind, others = "same-image-id", same
        if all(entry.get("file_name") == same[0][1].get("file_name") for _, entry in same):
            images[identity] = same[0][1]
            kind, others = "repeated-image", same[1:]
        for number, entry in others:
            told = f"id {identity}, {entry.get('file_name')!r:.80}"
            notes.append(Note(kind, f"{path}, images number {number}", told))
    return images, notes


def _corners(box: Iterable[float]) -> list[float]:
    x, y, width, height = box
    return [x, y, x + width, y + height]


class _Object(NamedTuple):
    place: str
    name: str
    box: list[float]
    crowd: bool


class _Reader:
    """The content of one annotation file."""

    def __init__(self, path: Path, folder: Path, keep_crowd: bool) -> None:
        content = _load(path)
        self.path, self.folder, self.keep_crowd = path, folder, keep_crowd
        self.names = _class_names(content["categories"], path)
        by_id, faults = _by_id(content["images"], path, "images")
        self.images, repeated = _images(by_id, path)
        self.image_ids = by_id.keys()
        """Those of images left out as well, whose objects go with them."""
        self.notes = [*(Note("broken-image", *fault) for fault in faults), *repeated]
        self.by_image: dict[str, list[tuple[str, Entry]]] = defaultdict(list)
        for number, entry in enumerate(content["annotations"]):
            self._sort_in(f"annotation {entry.get('id', f'number {number}')!s:.80}", entry)

    def _sort_in(self, place: str, entry: Entry) -> None:
        try:
            image = fields.identity(entry, "image_id")
        except ValueError as error:
            self.notes.append(Note("broken-object", f"{self.path}, {place}", str(error)))
            return
        if image in self.image_ids:
            self.by_image[image].append((place, entry))
        else:
            self.notes.append(Note("unknown-image", f"{self.path}, {place}", f"image {image}"))

    def sample(self, identity: str) -> Sample | Note:
        """Return an image with its objects, or a note on why it is left out."""
        where = f"{self.path}, image {identity}"
        try:
            file_name = fields.line(self.images[identity], "file_name")
        except ValueError as error:
            return Note("broken-image", where, str(error))
        image, respelled = locate(self.folder, file_name)
        objects, notes = self._objects(self.by_image.get(identity, ()))
        if respelled:
            notes.append(Note("other-case", str(image), file_name))
        return Sample(
            image,
            where,
            fields.declared_size(self.images[identity]),
            np.array([_corners(one.box) for one in objects], np.float64).reshape(-1, 4),
            tuple(one.name for one in objects),
            tuple(one.crowd for one in objects) if self.keep_crowd else None,
            tuple(notes),
            tuple(one.place for one in objects),
            with_sides=np.array([one.box for one in objects], np.float64).reshape(-1, 4),
        )

    def _objects(self, entries: Iterable[tuple[str, Entry]]) -> tuple[list[_Object], list[Note]]:
        """Return the usable objects, and notes on the others."""
        objects, notes = [], []
        for place, entry in entries:
            where = f"{self.path}, {place}"
            try:
                crowd = fields.crowd(entry)
            except ValueError as error:
                crowd = False
                notes.append(Note("crowd-word", where, str(error)))
            if crowd and not self.keep_crowd:
                notes.append(Note("crowd", where))
                continue
            try:
                objects.append(_Object(place, self._name(entry), fields.box(entry), crowd))
            except ValueError as error:
                notes.append(Note("broken-object", where, str(error)))
        return objects, notes

    def _name(self, entry: Entry) -> str:
        category = fields.identity(entry, "category_id")
        name = self.names.get(category)
        return name if name is not None else f"category {category}, which the file does not define"
