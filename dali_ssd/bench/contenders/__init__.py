"""One module a contender: each has `batches(work, anchors)`, which yields batches of the same records without end.

Modules are imported when they run, in a process of their own, so that a contender whose library is missing is one
failed row of the table.
"""

from __future__ import annotations

from typing import cast

from dali_ssd.bench.work import Contender
from dali_ssd.util.optional import import_module

__all__ = ["CONTENDERS", "NO_TARGETS", "load"]

CONTENDERS = {
    "dali_ssd": "TrainLoader of this package",
    "gluoncv": "GluonCV's RecordFileDetection + SSDDefaultTrainTransform in Gluon's DataLoader, a process a thread",
    "mxnet": "MXNet's ImageDetRecordIter: makes no targets; caps its decoding threads at cores / 2 - 1, but at least 1",
    "stock": "DALI's own operators in GluonCV's order: decode all, color, expand, crop, resize, box_encoder",
    "decode": "DALI decoding whole images and nothing else: the limit",
    "synthetic": "one constant batch again and again: the loop around a loader",
}
"""Name of each contender, which is also its module here, and what it is."""

NO_TARGETS = ("mxnet", "decode")
"""Contenders whose batches cannot train a network."""


def load(name: str) -> Contender:
    """Import contender `name`: a key of `CONTENDERS`, or any module by its full name, such as `mine.loader`.

    Raises MissingDependencyError if a library that it needs is not installed.
    """
    return cast(Contender, import_module(name if "." in name else f"{__name__}.{name}"))
