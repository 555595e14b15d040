"""A whole conversion: samples to shards, in parallel, with `classes.txt` and a report beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dali_ssd.convert.build import Builder, Built
from dali_ssd.convert.look import BAD_IMAGES
from dali_ssd.convert.options import ConvertConfig
from dali_ssd.convert.readers import read_annotations
from dali_ssd.convert.readers.locate import forget
from dali_ssd.convert.readers.names import class_notes
from dali_ssd.convert.report import Report, reason
from dali_ssd.convert.sample import Note, Sample
from dali_ssd.convert.units import WRONG_UNITS, has_fractions
from dali_ssd.errors import AnnotationError, NothingLeftError
from dali_ssd.records.format.classes import CLASSES_FILE, read_classes, require_same_classes
from dali_ssd.records.writer import ShardWriter, require_utf8_names
from dali_ssd.util.files import make_folder
from dali_ssd.util.parallel import ordered_map
from dali_ssd.util.progress import track

__all__ = ["Converted", "convert"]


class Converted:
    """The result of a conversion."""

    def __init__(self, shards: tuple[Path, ...], classes: tuple[str, ...], report: Report, report_file: Path) -> None:
        self.shards, self.classes, self.report, self.report_file = shards, classes, report, report_file


_RAISED = (
    *BAD_IMAGES,
    *WRONG_UNITS,
    "broken-annotation",
    "unread-folder",
    "broken-image",
    "same-image-id",
    "broken-object",
)
"""Kinds of notes at which `--on-bad raise` stops."""


def convert(config: ConvertConfig) -> Converted:
    """Convert the annotations that `config` names; the result does not depend on the number of workers.

    Raises `AnnotationError` if the annotations cannot be read, `NothingLeftError` if they leave nothing to write,
    `DatasetError` if there are other class names in the folder, `DaliSsdError` if the output cannot be written. No
    files are left then.
    """
    forget()
    stem = config.stem or config.split or "data"
    require_utf8_names(config.out, stem)
    make_folder(config.out)  # first, since reading many annotations takes minutes
    samples, classes, notes = read_annotations(config, read_classes(config.classes) if config.classes else ())
    if config.on_bad == "raise":
        _raise_bad(notes)
    report = Report()
    report.add([*notes, *class_notes(classes)])
    if not classes:
        report.add(note for sample in samples for note in sample.notes)
        problem = f"the annotations in {config.src} have no usable objects, so no classes; give --classes"
        raise NothingLeftError("\n".join([problem, *report.lines()]))
    if not config.overwrite:
        require_same_classes(config.out / CLASSES_FILE, classes)
    samples = _shuffled(samples, config.seed) if config.shuffle else samples
    fractions = has_fractions(samples)
    builder = Builder(classes, config.exif, config.drop_empty, config.coordinates, config.on_bad, fractions)
    report_file = config.out / f"{stem}.report.txt"
    with ShardWriter(config.out, stem, config.shards, overwrite=config.overwrite) as writer:
        built = ordered_map(builder, samples, config.workers)
        for result in track(built, f"writing {stem}", len(samples)):
            if config.on_bad == "raise":
                _raise_bad(result.notes)
            _take(result, writer, report)
        if not report.images:
            raise NothingLeftError("\n".join([f"nothing to write from {config.src}:", *report.lines()]))
        writer.beside(CLASSES_FILE, classes)
        writer.beside(report_file.name, report.lines(examples=None))
    return Converted(writer.paths, classes, report, report_file)


def _shuffled(samples: list[Sample], seed: int) -> list[Sample]:
    return [samples[i] for i in np.random.default_rng(seed).permutation(len(samples))]


def _raise_bad(notes: Iterable[Note]) -> None:
    for note in notes:
        if note.kind in _RAISED:
            raise AnnotationError(
                f"bad image or annotation, so nothing was written (--on-bad skip goes on): {note.where}, "
                f"{reason(note.kind)} ({note.detail})"
            )


def _take(built: Built, writer: ShardWriter, report: Report) -> None:
    report.add(built.notes)
    if built.record is not None:
        writer.write(built.record)
        report.images += 1
        report.objects += built.objects
