"""dali_ssd's pipeline up to one of its steps; the difference between two steps is the cost of the later one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dali_ssd.bench.contenders import load
from dali_ssd.bench.contenders.reader import pipeline_options
from dali_ssd.bench.work import HOST_STEPS, Work, WorkBatch
from dali_ssd.config import NvjpegConfig, PipelineConfig
from dali_ssd.graph.source import ReaderSlice
from dali_ssd.loader.placement import choose_where
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.loader.scheduling import many_progressive
from dali_ssd.records.inspect import inspect_shards

__all__ = ["batches"]


def batches(work: Work, anchors: NDArray[np.float32]) -> Iterator[WorkBatch]:
    """Yield empty batches, each after the pipeline has run up to the step `work.until`."""
    if work.until == "hand over":
        yield from load("dali_ssd").batches(work, anchors)
    report = inspect_shards(work.shards)
    dataset = report.dataset
    progressive = many_progressive(report.progressive)
    records = ReaderSlice(dataset.shards, dataset.merged_index(work.folder), progressive=progressive)
    config, recipe = PipelineConfig(), find_recipe(data_shape=work.data_shape)
    # The host's steps for a GPU need none.
    options = pipeline_options(replace(work, device="cpu") if work.until in HOST_STEPS else work)
    pipeline = recipe.train(
        records,
        anchors,
        recipe.augment,
        recipe.image,
        recipe.targets,
        initial_fill=config.initial_fill,
        upright=config.upright,
        unit="fraction",
        where=choose_where(work.device, work.plugin, NvjpegConfig()),
        until=work.until,
        **options,
    )
    pipeline.build()
    while True:
        yield WorkBatch(len(pipeline.run()[0]))
