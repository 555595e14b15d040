"""Annotations read into samples: a module for each format, which is all that a new one takes, and its line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from dali_ssd.convert.options import ConvertConfig
from dali_ssd.convert.readers.coco import CocoConfig, read_coco
from dali_ssd.convert.readers.voc import VocConfig, read_voc
from dali_ssd.convert.sample import Note, Sample

__all__ = ["READERS", "Reader", "read_annotations"]

Read = tuple[list[Sample], tuple[str, ...], list[Note]]
"""Samples in their order, class names, and notes on what became none."""


class Reader(NamedTuple):
    """A format of annotations."""

    config: type[ConvertConfig]
    """Its options; their docstring is what `--help` says of the format."""
    read: Callable[[Any, tuple[str, ...]], Read]
    """Return what the annotations hold that such options name; if class names are given, these.

    Raises AnnotationError if there is nothing to be read. What is wrong with one file or object is a note.
    """


READERS: dict[str, Reader] = {
    "voc": Reader(VocConfig, read_voc),
    "coco": Reader(CocoConfig, read_coco),
}
"""Every format by the name that `dali-ssd convert` knows it by."""


def read_annotations(config: ConvertConfig, classes: tuple[str, ...]) -> Read:
    """Return what the annotations hold that the options of a format name."""
    reader = next(reader for reader in READERS.values() if reader.config is type(config))
    return reader.read(config, classes)
