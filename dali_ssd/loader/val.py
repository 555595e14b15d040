"""`ValLoader`: the whole images and their labels, each record once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from dali_ssd.config import AnyCoordinates, OnBad, PipelineConfig, RecordsConfig
from dali_ssd.loader.base import Loader, LoaderStats, check_records_options
from dali_ssd.loader.batch import ValBatch
from dali_ssd.loader.frameworks import FrameworkName
from dali_ssd.loader.recipes import Recipe, find_recipe
from dali_ssd.records.dataset import Paths
from dali_ssd.util.optional import require

__all__ = ["ValLoader"]


class ValLoader(Loader):
    """The whole images and their labels; each `iter()` gives every record exactly once, in file order.

    Args:
        shards, batch_size, data_shape, ctx, num_threads, device, dtype, layout, recipe, framework: as for
            `TrainLoader`.
        on_bad, max_bad, bad_list, coordinates, num_classes: likewise.

    Raises:
        ConfigError, DatasetError: as for `TrainLoader`.
    """

    def __init__(
        self,
        shards: Paths,
        *,
        batch_size: int = PipelineConfig.batch_size,
        data_shape: int | None = None,
        ctx: Any = None,
        num_threads: int | Literal["auto"] = PipelineConfig.num_threads,
        device: Literal["cpu", "gpu"] | None = None,
        dtype: Literal["float32", "float16"] | None = None,
        layout: Literal["NCHW", "NHWC"] | None = None,
        prefetch: int = PipelineConfig.prefetch,
        upright: bool = PipelineConfig.upright,
        on_bad: OnBad = RecordsConfig.on_bad,
        max_bad: float = RecordsConfig.max_bad,
        coordinates: AnyCoordinates = RecordsConfig.coordinates,
        num_classes: int | None = None,
        bad_list: str | Path | None = None,
        recipe: str | Recipe | ModuleType | None = None,
        framework: FrameworkName = "mxnet",
    ) -> None:
        require("nvidia.dali")
        self.recipe = find_recipe(recipe, data_shape=data_shape, dtype=dtype, layout=layout)
        """All that decides what a batch looks like, with the arguments in place of the recipe's own numbers."""
        asked = PipelineConfig(batch_size, num_threads, prefetch, upright=upright)
        records, bad_path = RecordsConfig(on_bad, max_bad, coordinates), check_records_options(num_classes, bad_list)
        super().__init__(framework, batch_size, ctx, device, num_threads)
        self._each = batch_size // len(self._devices)
        self.config = replace(asked, batch_size=self._each, num_threads=self._threads)
        self._look(shards, records, num_classes, bad_path)
        self._batch = 0
        # The reader's own division of n records among k pipelines.
        edges = [len(self._dataset) * part // len(self._devices) for part in range(len(self._devices) + 1)]
        self._sizes = np.diff(edges)
        self._build()

    def _build(self) -> None:
        pipelines = [
            self.recipe.val(
                self._slice(number, len(self._devices)),
                self.recipe.image,
                upright=self.config.upright,
                in_pixels=self.report.coordinates == "pixel",
                device=self._device,
                batch_size=self._each,
                num_threads=self._threads,
                device_id=self._device_id(ctx),
                prefetch_queue_depth=self.config.prefetch,
            )
            for number, ctx in enumerate(self._devices)
        ]
        self._start(pipelines)

    def __len__(self) -> int:
        return int(-(-max(self._sizes) // self._each))

    def __iter__(self) -> Iterator[ValBatch]:
        if self._batch and self._pipelines:  # broken off last time: the readers are in the middle of the records
            self._build()
        self.stats = LoaderStats()
        begin = time.perf_counter()
        for number in range(len(self)):
            batch = self._next(number)
            self._batch = (number + 1) % len(self)
            self.stats.batches += 1
            self.stats.total = time.perf_counter() - begin
            yield batch

    def _next(self, number: int) -> ValBatch:
        data, labels, texts = [], [], []
        for make, (images, objects, source_info), size in zip(
            self._makers, self._run(self._pipelines), self._sizes, strict=True
        ):
            count = min(self._each, int(size) - number * self._each)
            if count > 0:  # the reader fills up its last batch with repetitions
                data.append(make(images)[:count])
                labels.append(make(objects)[:count])
                texts.append(list(source_info)[:count])
        return ValBatch(data, labels, lambda: self._locate(texts))
