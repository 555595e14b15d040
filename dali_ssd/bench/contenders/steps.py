"""dali_ssd's pipeline up to one of its steps: what each adds to the one before is what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from nvidia.dali import pipeline_def

from dali_ssd.bench.contenders import load
from dali_ssd.bench.contenders.reader import pipeline_options
from dali_ssd.bench.work import Batch, Work
from dali_ssd.config import AugmentConfig, PipelineConfig, RenderConfig, TargetConfig
from dali_ssd.graph.plan import draw_training_plan
from dali_ssd.graph.render import render
from dali_ssd.graph.source import ReaderSlice, decode, image_shapes, read
from dali_ssd.graph.targets import encode
from dali_ssd.loader.scheduling import many_progressive
from dali_ssd.records.inspect import inspect_shards

__all__ = ["batches"]


def batches(work: Work, anchors: NDArray[np.float32]) -> Iterator[Batch]:
    """Yield batches that hold nothing, each after the pipeline has run up to the step `work.until`."""
    if work.until == "hand over":
        yield from load("dali_ssd").batches(work, anchors)
    report = inspect_shards(work.shards)
    dataset = report.dataset
    progressive = many_progressive(report.progressive)
    records = ReaderSlice(dataset.shards, dataset.merged_index(work.folder), progressive=progressive)
    pipeline = _pipeline(records, work, anchors, **pipeline_options(work))
    pipeline.build()
    while True:
        yield Batch(len(pipeline.run()[0]))


@pipeline_def
def _pipeline(records: ReaderSlice, work: Work, anchors: NDArray[np.float32]) -> tuple[Any, ...]:
    """`pipelines.ssd.train` cut short; the outputs are such that DALI leaves out nothing that comes before them."""
    config, image = PipelineConfig(), RenderConfig(data_shape=work.data_shape)
    jpegs, labels = read(records, shuffle=True, initial_fill=config.initial_fill)
    if work.until == "read":
        return jpegs, labels
    shapes = image_shapes(jpegs, upright=config.upright)
    plans, regions, objects = draw_training_plan(labels, shapes, AugmentConfig(), image)
    if work.until == "plan":
        return jpegs, plans, regions, objects
    pixels = decode(jpegs, regions, device=work.device, upright=config.upright, progressive=records.progressive)
    if work.until == "decode":
        return pixels, plans, regions, objects
    images = render(pixels, plans, regions, image, device=work.device)
    if work.until == "render":
        return images, plans, objects
    return images, *encode(objects, plans, anchors, TargetConfig(), image.data_shape, device=work.device)
