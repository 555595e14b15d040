"""Record reader and pipeline options of the DALI contenders other than this package's loader."""

from __future__ import annotations

from typing import Any

from nvidia.dali import fn

from dali_ssd.bench.work import Work
from dali_ssd.records.dataset import open_dataset

__all__ = ["pipeline_options", "records"]


def records(work: Work) -> tuple[Any, Any]:
    """Return the encoded images and the label vectors of the shuffled records, as DataNodes."""
    index = open_dataset(work.shards).merged_index(work.folder)
    jpegs, labels = fn.readers.mxnet(
        path=list(work.shards),
        index_path=[str(index)],
        random_shuffle=True,
        initial_fill=1024,
        name="reader",
    )
    return jpegs, labels


def pipeline_options(work: Work) -> dict[str, Any]:
    """Return the options of a DALI pipeline for this work."""
    return {
        "batch_size": work.batch_size,
        "num_threads": work.threads,
        "device_id": 0 if work.device == "gpu" else None,
        "seed": work.seed,
        "prefetch_queue_depth": 2,
    }
