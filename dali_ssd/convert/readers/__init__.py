"""Readers of annotations: one module per format. A new format takes its module and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from dali_ssd.convert.options import ConvertConfig
from dali_ssd.convert.readers.coco import CocoConfig, read_coco
from dali_ssd.convert.readers.voc import VocConfig, read_voc
from dali_ssd.convert.sample import Note, Sample

__all__ = ["READERS", "Reader", "read_annotations"]

Read = tuple[list[Sample], tuple[str, ...], list[Note]]
"""Samples in their order, class names, and notes on what was left out."""


class Reader(NamedTuple):
    """A format of annotations."""

    config: type[ConvertConfig]
    """Its options; the docstring is the format's `--help`."""
    read: Callable[[Any, tuple[str, ...]], Read]
    """Read the annotations that such options name; class names that are given replace those found.

    Raises AnnotationError if there is nothing to read. A fault of a single file or object becomes a note.
    """


READERS: dict[str, Reader] = {
    "voc": Reader(VocConfig, read_voc),
    "coco": Reader(CocoConfig, read_coco),
}
"""Every format by its name in `dali-ssd convert`."""


def read_annotations(config: ConvertConfig, classes: tuple[str, ...]) -> Read:
    """Read the annotations that the options of a format name."""
    reader = next(reader for reader in READERS.values() if reader.config is type(config))
    return reader.read(config, classes)
