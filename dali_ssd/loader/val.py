"""`ValLoader`: the whole images and their labels, each record once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from typing_extensions import Unpack

from dali_ssd.config import NvjpegConfig, PipelineConfig, RecordsConfig
from dali_ssd.errors import ConfigError
from dali_ssd.loader.base import Loader, LoaderStats
from dali_ssd.loader.batch import ValBatch
from dali_ssd.loader.frameworks import FrameworkName
from dali_ssd.loader.options import ValOptions, check_records_options, check_world, gather
from dali_ssd.loader.recipes import Recipe
from dali_ssd.records.dataset import Paths
from dali_ssd.util.optional import require

__all__ = ["ValLoader"]


class ValLoader(Loader):
    """The whole images and their labels; each `iter()` gives every record exactly once, in file order.

    It begins anew after one that was left early, or interrupted by a signal. There is one at a time: an earlier
    iterator raises ConfigError once a later one has begun, since it would miss records. Of several processes, each gets
    its own part of the records, one after the other, in the same number of batches, the last of which may be empty.

    Args:
        shards, recipe, ctx, device, framework, world_size, rank, num_classes, bad_list, pipeline, records, nvjpeg: as
            for `TrainLoader`.
        cache_dir: folder for what is learned of the shards; default: the cache folder. For shards that will be gone.
        options: likewise, without those for random changes and targets.

    Attributes:
        placement: what of the work runs where; see `loader.placement.Placement`.

    Raises:
        ConfigError, DatasetError, PluginError: as for `TrainLoader`.
    """

    def __init__(
        self,
        shards: Paths,
        *,
        recipe: str | Recipe | ModuleType | None = None,
        ctx: Any = None,
        device: Literal["cpu", "gpu"] | None = None,
        framework: FrameworkName = "mxnet",
        world_size: int = 1,
        rank: int = 0,
        num_classes: int | None = None,
        bad_list: str | Path | None = None,
        cache_dir: str | Path | None = None,
        pipeline: PipelineConfig | None = None,
        records: RecordsConfig | None = None,
        nvjpeg: NvjpegConfig | None = None,
        **options: Unpack[ValOptions],
    ) -> None:
        require("nvidia.dali")
        self.recipe, pipeline, records, nvjpeg = gather(ValOptions, options, recipe, pipeline, records, nvjpeg)
        check_world(world_size, rank)
        bad_path = check_records_options(num_classes, bad_list)
        super().__init__(framework, pipeline, ctx, device)
        self._place(nvjpeg)
        self._look(shards, records, num_classes, bad_path, cache_dir)
        # The reader's own division of n records among k pipelines.
        self._parts = world_size * len(self._devices)
        sizes = np.diff([len(self._dataset) * part // self._parts for part in range(self._parts + 1)])
        self._first = rank * len(self._devices)
        self._sizes = sizes[self._first : self._first + len(self._devices)]
        self._batches = int(-(-max(sizes) // self._device_batch_size))
        self._build()
        self._at_begin = True
        """Whether the readers are about to read the first record."""
        self._newest: object = None
        """What stands for the iteration that has the records."""

    def _build(self) -> None:
        pipelines = [
            self.recipe.val(
                self._slice(self._first + number, self._parts),
                self.recipe.image,
                upright=self.pipeline.upright,
                unit=self.report.unit,
                where=self._where,
                batch_size=self._device_batch_size,
                num_threads=self._threads,
                set_affinity=self._bound,
                device_id=self._device_id(ctx),
                prefetch_queue_depth=int(self.pipeline.prefetch),
            )
            for number, ctx in enumerate(self._devices)
        ]
        self._start(pipelines, "val")

    def _facts(self, classes: Sequence[str]) -> dict[str, object]:
        return super()._facts(classes) | {"batches": f"{len(self):,}"}

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator over every record once, in batches of `loader.batch.ValBatch`.

        Earlier ones raise `ConfigError` from then on: all read from the same pipelines.
        """
        self._require_running()
        self._newest = this = object()
        if not self._at_begin:
            self._build()
        self.stats = LoaderStats()
        return self._from_begin(this)

    def _from_begin(self, this: object) -> Iterator[Any]:
        begin = time.perf_counter()
        for number in range(len(self)):
            if self._newest is not this:
                raise ConfigError(
                    "this iteration of the ValLoader cannot go on: a later one has begun, from the first record; take "
                    "another loader for each of several at the same time"
                )
            self._at_begin = False  # before anything is read: an exception may come at any time
            batch = self._next(number)
            self._at_begin = number + 1 == len(self)
            self.stats.batches += 1
            self.stats.total = time.perf_counter() - begin
            yield batch

    def _next(self, number: int) -> Any:
        data, labels, texts = [], [], []
        for make, (images, objects, source_info), size in zip(
            self._makers, self._run(self._pipelines), self._sizes, strict=True
        ):
            count = min(self._device_batch_size, int(size) - number * self._device_batch_size)
            if count > 0:  # the reader fills up its last batch with repetitions
                data.append(make(images)[:count])
                labels.append(make(objects)[:count])
                texts.append(list(source_info)[:count])
        return self._finish(ValBatch(data, labels, lambda: self._locate(texts)))
