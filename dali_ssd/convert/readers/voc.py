"""Pascal VOC: one XML file per image.

    SRC/Annotations/<id>.xml     SRC/JPEGImages/<id>.jpg     SRC/ImageSets/Main/<split>.txt: one id per line

VOC counts pixels from 1. As GluonCV's `VOCDetection` does, 1 is subtracted from all four coordinates (so the last
pixel column is not covered by its box); `one_based=False` takes the numbers as they are.
"""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dali_ssd.convert.options import ConvertConfig
from dali_ssd.convert.readers.locate import Located, locate, locate_folder
from dali_ssd.convert.readers.names import name_fault
from dali_ssd.convert.readers.voc_files import annotation_files, annotation_id, split_ids
from dali_ssd.convert.sample import Note, Sample, plausible_size
from dali_ssd.errors import AnnotationError
from dali_ssd.util.parallel import ordered_map
from dali_ssd.util.progress import track

__all__ = ["VocConfig", "VocParser", "read_voc"]

_SUFFIXES = (".jpg", ".jpeg", ".JPG", ".JPEG", ".png", ".PNG", ".bmp", ".webp", ".tif", ".tiff")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class VocConfig(ConvertConfig):
    """Convert Pascal VOC annotations (one XML file per image) to shards."""

    one_based: bool = True
    """Pixels count from 1, as in VOC: 1 is subtracted from all coordinates, as GluonCV does."""


@dataclass(frozen=True)
class VocParser:
    """Callable that reads one annotation file; picklable, so that worker processes can do it."""

    images: Path
    """Folder of the images."""
    one_based: bool = True
    annotations: Path | None = None
    """Folder of the annotations; images are in the same subfolders."""

    def __call__(self, path: Path) -> Sample | Note:
        """Return the sample of an annotation file, or a note on why the file cannot be read."""
        try:
            root = _root(path)
        except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
            return Note("broken-annotation", str(path), str(error))
        objects, notes = _objects(root, str(path))
        image, respelled = self._image(
            annotation_id(path, self.annotations or path.parent), (root.findtext("filename") or "").strip()
        )
        if respelled:
            notes.append(Note("other-case", str(image), path.name))
        return Sample(
            image,
            str(path),
            _declared_size(root),
            np.array([one.box for one in objects], np.float64).reshape(-1, 4) - self.one_based,
            tuple(one.name for one in objects),
            tuple(one.difficult for one in objects),
            tuple(notes),
            tuple(one.place for one in objects),
            int(self.one_based),
        )

    def _image(self, identity: str, filename: str) -> Located:
        """Return the image of an annotation: named like it, else by its `<filename>`."""
        names = [identity, Path(identity).name] if "/" in identity else [identity]
        tries = [f"{name}{suffix}" for name in names for suffix in _SUFFIXES]
        named = Path(filename.replace("\\", "/")).name
        tries += [(Path(identity).parent / named).as_posix(), named] if named else []
        exact = next((path for name in tries if os.path.isfile(path := self.images / name)), None)
        if exact is not None:
            return Located(exact)
        for name in tries:
            found = locate(self.images, name)
            if found.respelled:
                # The suffix was a guess, so a difference in its case is not noted.
                wanted = (self.images / name).with_suffix("")
                return Located(found.path, found.path.with_suffix("") != wanted)
        return Located(self.images / tries[0])


def read_voc(config: VocConfig, classes: tuple[str, ...] = ()) -> tuple[list[Sample], tuple[str, ...], list[Note]]:
    """Return samples in the order of the split, class names, and notes on ids without a usable annotation.

    Class names default to all found in the annotations of *all* splits, sorted, so that splits converted one by one
    agree. Raises `AnnotationError` if there are no annotations or the split cannot be read.
    """
    folder = locate_folder(config.src, config.annotations or "Annotations")
    files, passed = annotation_files(folder)
    if not files:
        why = _refusal(folder, passed)
        raise AnnotationError(f"no .xml files in {folder}{why}; --annotations names another folder in {config.src}")
    ids = split_ids(config.src, config.split, files) if config.split else list(files)
    notes = [
        Note("no-annotation", identity, f"expected {folder / identity}.xml")
        for identity in ids
        if identity not in files
    ]
    ids = [identity for identity in ids if identity in files]
    notes += passed
    wanted = ids if classes else list(files)
    parser = VocParser(
        locate_folder(config.src, config.images or "JPEGImages"),
        config.one_based and config.coordinates == "pixel",
        folder,
    )
    parsed = ordered_map(parser, [files[identity] for identity in wanted], config.workers)
    found = dict(zip(wanted, track(parsed, "reading annotations", len(wanted)), strict=True))
    notes += [note for identity in ids if isinstance(note := found[identity], Note)]
    samples = {identity: sample for identity, sample in found.items() if isinstance(sample, Sample)}
    names = classes or _class_names(samples.values())
    return [samples[identity] for identity in ids if identity in samples], names, notes


def _number(element: ElementTree.Element, name: str) -> float:
    text = element.findtext(name)
    try:
        return float((text or "").strip())
    except ValueError:
        found = "is missing" if text is None else f"is {text!r}, not a number"
        raise ValueError(f"<{name}> {found}") from None


def _declared_size(root: ElementTree.Element) -> tuple[int, int] | None:
    """Return the size that the annotation gives, or None if it is missing or invalid: it is only compared."""
    size = root.find("size")
    if size is None:
        return None
    try:
        return plausible_size(_number(size, "width"), _number(size, "height"))
    except ValueError:
        return None


class _Object(NamedTuple):
    place: str
    name: str
    box: list[float]
    difficult: bool


def _object(place: str, element: ElementTree.Element) -> _Object:
    """Read one object. Raises ValueError with the fault if it cannot be used."""
    name, box = (element.findtext("name") or "").strip(), element.find("bndbox")
    if not name or box is None:
        raise ValueError(f"<{'name' if not name else 'bndbox'}> is missing")
    if fault := name_fault(name):
        raise ValueError(f"<name> {name!r} {fault}")
    word = (element.findtext("difficult") or "").strip()
    difficult = bool(re.fullmatch(r"[+-]?\d+", word)) and bool(word.strip("+-0"))
    return _Object(place, name, [_number(box, corner) for corner in _CORNERS], difficult)


def _difficult_note(element: ElementTree.Element, where: str) -> list[Note]:
    """Return a note if <difficult> is not a number, which counts as 0, as in GluonCV."""
    word = (element.findtext("difficult") or "").strip()
    return [] if not word or re.fullmatch(r"[+-]?\d+", word) else [Note("difficult-word", where, repr(word))]


def _root(path: Path) -> ElementTree.Element:
    """Read the annotation in a file, without namespaces. Raises ValueError if it is none, such as a page of HTML."""
    root = ElementTree.parse(path).getroot()
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    if root.tag.lower() != "annotation" and not any(root.find(tag) is not None for tag in ("object", "size")):
        raise ValueError(f"no annotation: the file is <{root.tag}>, not <annotation>")
    return root


def _objects(root: ElementTree.Element, source: str) -> tuple[list[_Object], list[Note]]:
    """Return the usable objects, and notes on the others."""
    objects, notes = [], []
    for number, element in enumerate(root.iter("object")):
        place = f"object {number}"
        try:
            objects.append(_object(place, element))
            notes += _difficult_note(element, f"{source}, {place}")
        except ValueError as error:
            notes.append(Note("broken-object", f"{source}, {place}", str(error)))
    return objects, notes


def _class_names(samples: Iterable[Sample]) -> tuple[str, ...]:
    return tuple(sorted({name for sample in samples for name in sample.names}))


def _refusal(folder: Path, notes: Iterable[Note]) -> str:
    """Return the system's first error on reading a folder, in parentheses; empty if there is none."""
    first = next((note for note in notes if note.kind == "unread-folder"), None)
    if first is None:
        return ""
    return f" ({first.detail})" if first.where == str(folder) else f" ({first.where}: {first.detail})"
