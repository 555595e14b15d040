"""Augmented views of one record, by the pipeline that trains."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import CoordinateUnit, PipelineConfig
from dali_ssd.graph.source import ReaderSlice
from dali_ssd.graph.where import Where
from dali_ssd.loader.fork_guard import no_fork
from dali_ssd.loader.pipeline_group import require_outputs
from dali_ssd.loader.recipes import Recipe, build
from dali_ssd.records.dataset import Dataset
from dali_ssd.records.diagnose import find_damage
from dali_ssd.records.inspect import require_utf8
from dali_ssd.util.host_pool import choose_host_pool
from dali_ssd.util.parallel import available_cores

__all__ = ["views_of"]


def views_of(
    dataset: Dataset, number: int, recipe: Recipe, count: int, *, unit: CoordinateUnit, seed: int
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return network inputs and their objects (M, 5) of `count` augmented views of a record.

    They are those that `TrainLoader` gives from a shard with this record alone, to the bit. Other records are not
    looked at, so that a damaged one is no obstacle. `unit` is that of the label's boxes. Raises DaliSsdError if the
    record cannot be read or rendered, ConfigError if the recipe's pipeline gives no boxes.
    """
    boxes = replace(recipe, targets=replace(recipe.targets, targets="boxes"))
    require_utf8(dataset.shards)
    alone = dataset.without(set(range(len(dataset))) - {number})
    with tempfile.TemporaryDirectory() as folder:
        pipeline = _pipeline(alone, Path(folder), boxes, unit, seed)
        try:
            with no_fork():
                build(pipeline, boxes, "train")
                require_outputs(pipeline, boxes)
                return [view for _ in range(-(-count // PipelineConfig.batch_size)) for view in _run(pipeline)][:count]
        except RuntimeError as error:
            raise find_damage(alone, str(error)) from error


def _pipeline(alone: Dataset, folder: Path, recipe: Recipe, unit: CoordinateUnit, seed: int) -> Any:
    choose_host_pool()
    return recipe.train(
        ReaderSlice(alone.shards, alone.merged_index(folder)),
        anchors=np.zeros((0, 4), np.float32),
        augment=recipe.augment,
        image=recipe.image,
        targets=recipe.targets,
        initial_fill=1,
        upright=PipelineConfig.upright,
        unit=unit,
        where=Where(),
        batch_size=PipelineConfig.batch_size,
        num_threads=available_cores(),
        device_id=None,
        seed=seed,
        prefetch_queue_depth=1,
    )


def _run(pipeline: Any) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    images, objects, *_ = pipeline.run()
    for image, rows in zip(images, objects, strict=True):
        yield np.array(image), np.array(rows)
