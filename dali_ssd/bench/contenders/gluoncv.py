"""GluonCV's way to feed an SSD from record files, as in its training script: one process per thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np
from gluoncv.data import RecordFileDetection
from gluoncv.data.batchify import Stack, Tuple
from gluoncv.data.transforms.presets.ssd import SSDDefaultTrainTransform
from mxnet import gluon
from numpy.typing import NDArray

from dali_ssd.bench.contenders.device import to_device
from dali_ssd.bench.contenders.shared_memory import check_shared_memory
from dali_ssd.bench.work import Work, WorkBatch
from dali_ssd.records.format.index import ensure_index

__all__ = ["batches"]


def batches(work: Work, anchors: NDArray[np.float32]) -> Iterator[WorkBatch]:
    """Yield the batches of a Gluon DataLoader with `work.threads` worker processes, epoch after epoch."""
    check_shared_memory(work, len(anchors))
    transform = SSDDefaultTrainTransform(work.data_shape, work.data_shape, mx.nd.array(anchors[None]))
    loader = gluon.data.DataLoader(
        _Chain([RecordFileDetection(str(path)) for path in _stage(work)]).transform(transform),
        work.batch_size,
        shuffle=True,
        batchify_fn=Tuple(Stack(), Stack(), Stack()),
        last_batch="rollover",
        num_workers=work.threads,
    )
    while True:
        for data, cls_targets, box_targets in loader:
            yield to_device(work, data, cls_targets, box_targets)


class _Chain(gluon.data.Dataset):  # type: ignore[misc]
    """Several data sets one after the other; Gluon has no class for it."""

    def __init__(self, parts: list[Any]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Any:
        part = int(np.searchsorted(self._ends, index, side="right"))
        return self._parts[part][index - (self._ends[part - 1] if part else 0)]


def _stage(work: Work) -> list[Path]:
    """Link each shard beside its index, where GluonCV looks for it: the shards' folder may have no indexes."""
    staged = []
    for number, shard in enumerate(work.shards):
        link = Path(work.folder) / f"gluoncv-{number}.rec"
        link.symlink_to(Path(shard).resolve())
        link.with_suffix(".idx").symlink_to(ensure_index(Path(shard)).resolve())
        staged.append(link)
    return staged
