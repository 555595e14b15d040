"""DALI decoding whole images only, by libjpeg-turbo on the CPU and nvJPEG on a GPU: the limit of such loaders."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from nvidia.dali import fn, pipeline_def, types

from dali_ssd.bench.contenders.reader import pipeline_options, records
from dali_ssd.bench.work import Work, WorkBatch
from dali_ssd.config import NvjpegConfig
from dali_ssd.graph.source import nvjpeg_options

__all__ = ["batches"]


def batches(work: Work, anchors: NDArray[np.float32]) -> Iterator[WorkBatch]:
    """Yield empty batches: the images differ in size, and only their decoding is timed."""
    pipeline = _pipeline(work, **pipeline_options(work))
    pipeline.build()
    while True:
        # Without a stream of ours, the results are complete when this returns, on a GPU too.
        (images,) = pipeline.run()
        yield WorkBatch(len(images))


@pipeline_def
def _pipeline(work: Work) -> object:
    jpegs, _ = records(work)
    # The very options of the loader's decoder, so that its share of this is an honest figure.
    options = nvjpeg_options(NvjpegConfig()) if work.device == "gpu" else {"device": "cpu"}
    return fn.decoders.image(jpegs, output_type=types.RGB, adjust_orientation=False, **options)
