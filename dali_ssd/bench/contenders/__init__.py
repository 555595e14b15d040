"""One module per contender: each has `batches(work, anchors)`, which endlessly yields batches of the same records.

Modules are imported when they run, in a process of their own, so a contender whose library is missing only makes its
own row of the table fail.
"""

from __future__ import annotations

from typing import cast

from dali_ssd.bench.work import Contender
from dali_ssd.util.optional import import_module

__all__ = ["CANNOT_TRAIN", "CONTENDERS", "load"]

CONTENDERS = {
    "dali_ssd": "TrainLoader of this package",
    "gluoncv": "GluonCV's RecordFileDetection + SSDDefaultTrainTransform in Gluon's DataLoader, one process per thread",
    "torchvision": "torchvision's reference transforms for SSD and the targets of its model in PyTorch's DataLoader, "
    "one process per thread",
    "mxnet": "MXNet's ImageDetRecordIter: makes no targets; caps its decoding threads at cores / 2 - 1, but at least 1",
    "stock": "DALI's own operators in GluonCV's order: decode all, color, expand, crop, resize, box_encoder",
    "decode": "DALI decoding whole images and nothing else: the limit",
    "synthetic": "one constant batch again and again: only the loop around a loader",
}
"""Each contender, by the name of its module here, with a description."""

CANNOT_TRAIN = {
    "torchvision": "its batches are PyTorch's, the network is MXNet's",
    **dict.fromkeys(("mxnet", "decode"), "no targets"),
}
"""Contenders whose batches cannot train the network of `--train`, and why not."""


def load(name: str) -> Contender:
    """Import contender `name`: a key of `CONTENDERS`, or any module by its full name, such as `mine.loader`.

    Raises MissingDependencyError if a library that it needs is not installed.
    """
    return cast(Contender, import_module(name if "." in name else f"{__name__}.{name}"))
