"""`TrainLoader` and `ValLoader`: shards in, batches of NDArrays on their devices out.

Each device has its own DALI pipeline over its own part of the records, which prepares batches ahead in threads of its
own; the loader only collects them.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from typing_extensions import Self

from dali_ssd.batch import Batch, ValBatch, as_ndarray
from dali_ssd.config import (
    AnyCoordinates,
    AugmentConfig,
    OnBad,
    PipelineConfig,
    RecordsConfig,
    RenderConfig,
    TargetConfig,
    available_cores,
)
from dali_ssd.errors import CheckpointError, ConfigError, DatasetError, Place
from dali_ssd.optional import require
from dali_ssd.records.damage import find_damage
from dali_ssd.records.dataset import Dataset, Paths
from dali_ssd.records.findings import Finding
from dali_ssd.records.verify import Verified, verify
from dali_ssd.registry import find_pipeline

__all__ = ["LoaderStats", "TrainLoader", "ValLoader"]


@dataclass
class LoaderStats:
    """How the loader kept up since the epoch began."""

    batches: int = 0
    waited: float = 0.0
    """Seconds in which the consumer waited for a batch."""
    total: float = 0.0
    """Seconds from the epoch's begin to the last batch handed out."""

    @property
    def waited_share(self) -> float:
        """Share of the time spent waiting for data, 0 to 1."""
        return self.waited / self.total if self.total > 0 else 0.0


class _Loader:
    """What the two loaders share: devices, their pipelines, and the look-up of records."""

    def __init__(
        self, verified: Verified, dataset: Dataset, batch_size: int, ctx: Any, device: str | None, num_threads: Any
    ) -> None:
        self._verified, self._dataset = verified, dataset
        self._ctx = _contexts(ctx)
        self._device = device or ("gpu" if self._ctx[0].device_type == "gpu" else "cpu")
        if self._device not in ("cpu", "gpu"):
            raise ConfigError(f"device must be cpu or gpu, not {device!r}")
        PipelineConfig(batch_size, num_threads)  # refuses what is no number
        if batch_size % len(self._ctx):
            raise ConfigError(
                f"batch_size must be a multiple of the number of devices ({len(self._ctx)}), not {batch_size}"
            )
        self.batch_size = batch_size
        cores = available_cores() if num_threads == "auto" else num_threads
        self._threads = max(1, cores // len(self._ctx))
        self._index = dataset.merged_index()
        self._home = os.getpid()
        self._pipelines: list[Any] = []
        self.stats = LoaderStats()

    @property
    def num_records(self) -> int:
        """Records that are read; those that were left out as bad do not count."""
        return len(self._dataset)

    @property
    def bad_records(self) -> tuple[Finding, ...]:
        """What was found wrong with the records that `on_bad="skip"` left out."""
        return self._verified.errors

    def close(self) -> None:
        """Stop the pipelines and free what they hold; batches that were handed out stay valid."""
        self._pipelines.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _shard(self, number: int, count: int) -> Any:
        from dali_ssd.graph.source import Shard

        if len(self._dataset) < count:
            raise DatasetError(f"{len(self._dataset)} records are too few for {count} devices")
        return Shard(self._dataset.shards, self._index, number, count)

    def _start(self, pipelines: list[Any]) -> None:
        """Build pipelines in place of those before. Raises DatasetError where a shard is not what it was."""
        self.close()
        self._dataset.require_sizes()  # DALI 2.4 crashes where it is to read a shard that has become empty
        for pipeline in pipelines:
            pipeline.build()
        self._pipelines = pipelines

    def _device_id(self, ctx: Any) -> int | None:
        return int(ctx.device_id) if self._device == "gpu" else None

    def _run(self) -> list[Any]:
        """One batch of each pipeline; counts the time that the caller waits."""
        if not self._pipelines:
            raise ConfigError("the loader is closed, by close() or by an earlier error; make a new one")
        if os.getpid() != self._home:  # the threads of the pipelines were not forked along: it would wait for ever
            raise ConfigError("the loader was made in another process; make one in each process that reads")
        begin = time.perf_counter()
        try:
            return [pipeline.run() for pipeline in self._pipelines]
        except RuntimeError as error:
            self.close()  # DALI's pipelines are of no use after an error
            raise find_damage(self._dataset, str(error)) from error
        finally:
            self.stats.waited += time.perf_counter() - begin

    def _places(self, texts: Sequence[Any]) -> list[Place]:
        """Places from what `graph.source.places` gives, `<file> at index <byte>`."""
        found = []
        for text in (np.asarray(tensor).tobytes().decode() for tensors in texts for tensor in tensors):
            shard, _, offset = text.rpartition(" at index ")
            number = self._dataset.find(shard, int(offset))
            found.append(Place(Path(shard), None, int(offset)) if number is None else self._dataset.place(number))
        return found


class TrainLoader(_Loader):
    """Augmented batches and their targets, without end; each `iter()` gives the next epoch of `len(self)` batches.

    The records form an endless stream, shuffled anew with each pass. An epoch is the whole batches of one pass and of
    what earlier ones left over (what Gluon's `DataLoader` calls `rollover`): nothing is dropped, and k epochs are as
    many steps as with GluonCV.

    Args:
        shards: a `.rec` path, many, or a glob such as `"data/train-*.rec"`. A missing `.idx` is built.
        anchors: what a GluonCV SSD returns in train mode, `(1, N, 4)` center format in network pixels, or the network.
        batch_size: images a batch over all devices.
        data_shape: side of the square network input.
        ctx: an `mx.Context` or a list of them; default: the CPU. Each gets an equal part of every batch.
        seed: makes two runs identical.
        num_threads: over all devices; `auto`: the cores this process may use.
        device: `cpu` or `gpu`, where decoding, rendering and encoding run; default: as `ctx`.
        augment: what is drawn at random; default: the recipe's.
        num_shards, shard_id: with several processes, how many there are and which this is.
        on_bad: `raise`: name every bad record before training begins. `skip`: decode every image once, leave the bad
            ones out (see `bad_records`), but no more than the share `max_bad`.
        coordinates: what the labels hold; `auto`: what nearly all of them look like.
        num_classes: number of classes, so that labels with higher ids count as bad.
        recipe: name of an entry point of `dali_ssd.pipelines` or `module:attribute`; gives pipeline and augmentation.
        dtype, layout, targets, prefetch, initial_fill, upright: see `dali_ssd.config`.

    Raises:
        ConfigError: an option that cannot work.
        DatasetError: shards that are missing, empty or damaged; all that is wrong is named.
    """

    def __init__(
        self,
        shards: Paths,
        *,
        anchors: Any,
        batch_size: int = PipelineConfig.batch_size,
        data_shape: int = RenderConfig.data_shape,
        ctx: Any = None,
        seed: int = PipelineConfig.seed,
        num_threads: int | Literal["auto"] = PipelineConfig.num_threads,
        device: Literal["cpu", "gpu"] | None = None,
        dtype: Literal["float32", "float16"] = RenderConfig.dtype,
        layout: Literal["NCHW", "NHWC"] = RenderConfig.layout,
        augment: AugmentConfig | None = None,
        targets: Literal["exact", "box_encoder"] = TargetConfig.targets,
        prefetch: int = PipelineConfig.prefetch,
        initial_fill: int = PipelineConfig.initial_fill,
        upright: bool = PipelineConfig.upright,
        num_shards: int = 1,
        shard_id: int = 0,
        on_bad: OnBad = RecordsConfig.on_bad,
        max_bad: float = RecordsConfig.max_bad,
        coordinates: AnyCoordinates = RecordsConfig.coordinates,
        num_classes: int | None = None,
        recipe: str = "ssd300",
    ) -> None:
        require("nvidia.dali")
        from dali_ssd.graph.targets import as_center_anchors

        if shard_id not in range(num_shards):
            raise ConfigError(f"shard_id must be within 0..{num_shards - 1}, not {shard_id!r}")
        found = find_pipeline(recipe)
        image = replace(found.image, data_shape=data_shape, dtype=dtype, layout=layout)
        verified, dataset = _good_records(shards, RecordsConfig(on_bad, max_bad, coordinates), num_classes)
        super().__init__(verified, dataset, batch_size, ctx, device, num_threads)
        self.config = PipelineConfig(batch_size // len(self._ctx), self._threads, prefetch, initial_fill, upright, seed)
        self.epoch = 0
        self._batch = self._resume_at = 0
        self._num_processes, self._process = num_shards, shard_id
        self._definition = found.train
        self._options = {
            "anchors": as_center_anchors(_ask_for_anchors(anchors, data_shape)),
            "augment": augment or found.augment,
            "image": image,
            "targets": replace(found.targets, targets=targets),
            "in_pixels": verified.coordinates == "pixel",
        }
        self._build([None] * len(self._ctx))

    def _build(self, checkpoints: Sequence[bytes | None]) -> None:
        first, count = self._process * len(self._ctx), self._num_processes * len(self._ctx)
        # The reader fills up a larger window with further copies of its records, which changes nothing.
        window = min(self.config.initial_fill, -(-len(self._dataset) // count))
        pipelines = [
            self._definition(
                self._shard(first + number, count),
                **self._options,
                initial_fill=window,
                upright=self.config.upright,
                device=self._device,
                batch_size=self.config.batch_size,
                num_threads=self.config.num_threads,
                device_id=self._device_id(ctx),
                seed=self.config.seed + first + number,
                prefetch_queue_depth=self.config.prefetch,
                enable_checkpointing=True,
                checkpoint=checkpoint,
            )
            for number, (ctx, checkpoint) in enumerate(zip(self._ctx, checkpoints, strict=True))
        ]
        self._start(pipelines)

    def __len__(self) -> int:
        """Batches of the current epoch: one more now and then, for what earlier epochs left over."""
        step = self.batch_size * self._num_processes
        before, after = (passes * len(self._dataset) // step for passes in (self.epoch, self.epoch + 1))
        return max(1, after - before)

    def __iter__(self) -> Iterator[Batch]:
        """One epoch; after `load_state_dict` the rest of the one that was interrupted."""
        self.stats = LoaderStats()
        self._batch, self._resume_at = self._resume_at, 0
        begin = time.perf_counter()
        while self._batch < len(self):
            batch = self._next()
            self._batch += 1
            self.stats.batches += 1
            self.stats.total = time.perf_counter() - begin
            yield batch
        self._batch = 0
        self.epoch += 1

    def _next(self) -> Batch:
        images, cls_targets, box_targets, texts = zip(*self._run(), strict=True)
        return Batch(
            [as_ndarray(tensors) for tensors in images],
            [as_ndarray(tensors) for tensors in cls_targets],
            [as_ndarray(tensors) for tensors in box_targets],
            lambda: self._places(texts),
        )

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is, between any two batches; plain values that pickle and JSON can hold.

        A loader with the same arguments that loads it goes on with the very next batch, to the bit.
        """
        states = [base64.b64encode(pipeline.checkpoint()).decode() for pipeline in self._pipelines]
        return {"epoch": self.epoch, "batch": self._batch, "pipelines": states, "identity": self._identity()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises CheckpointError where it belongs to other data, options or code.
        """
        theirs, ours = state["identity"], self._identity()
        differ = [
            f"{name} was {theirs.get(name)} and is {ours[name]}" for name in ours if theirs.get(name) != ours[name]
        ]
        if differ:
            raise CheckpointError(f"the loader's state belongs to another run: {'; '.join(differ)}")
        self._build([base64.b64decode(pipeline) for pipeline in state["pipelines"]])
        self.epoch, self._batch, self._resume_at = state["epoch"], state["batch"], state["batch"]

    def _identity(self) -> dict[str, str]:
        """All that decides which batches come next."""
        import nvidia.dali

        from dali_ssd.graph.kernel import source_digest

        options = {name: value for name, value in self._options.items() if name != "anchors"}
        settings = (self._device, self.config.initial_fill, self.config.upright)
        file = inspect.getfile(inspect.unwrap(self._definition))  # else it is that of DALI's decorator
        code = Path(file).read_bytes() + source_digest().encode()
        return {
            "the number of records": str(len(self._dataset)),
            "the shards": f"{','.join(shard.name for shard in self._dataset.shards)} {_digest(self._dataset.offsets)}",
            "batch_size": str(self.batch_size),
            "the number of devices": f"{self._num_processes} x {len(self._ctx)}",
            "seed": str(self.config.seed),
            "the options": f"{options} {settings} anchors {_digest(self._options['anchors'])}",
            "the pipeline's code": hashlib.sha256(code).hexdigest()[:16],
            "the version of DALI": nvidia.dali.__version__,
        }


class ValLoader(_Loader):
    """The whole images and their labels; each `iter()` gives every record exactly once, in file order.

    Args:
        shards, batch_size, data_shape, ctx, num_threads, device, dtype, layout, recipe: as for `TrainLoader`.
        on_bad, max_bad, coordinates, num_classes: likewise.

    Raises:
        ConfigError, DatasetError: as for `TrainLoader`.
    """

    def __init__(
        self,
        shards: Paths,
        *,
        batch_size: int = PipelineConfig.batch_size,
        data_shape: int = RenderConfig.data_shape,
        ctx: Any = None,
        num_threads: int | Literal["auto"] = PipelineConfig.num_threads,
        device: Literal["cpu", "gpu"] | None = None,
        dtype: Literal["float32", "float16"] = RenderConfig.dtype,
        layout: Literal["NCHW", "NHWC"] = RenderConfig.layout,
        prefetch: int = PipelineConfig.prefetch,
        upright: bool = PipelineConfig.upright,
        on_bad: OnBad = RecordsConfig.on_bad,
        max_bad: float = RecordsConfig.max_bad,
        coordinates: AnyCoordinates = RecordsConfig.coordinates,
        num_classes: int | None = None,
        recipe: str = "ssd300",
    ) -> None:
        require("nvidia.dali")
        found = find_pipeline(recipe)
        self._image = replace(found.image, data_shape=data_shape, dtype=dtype, layout=layout)
        verified, dataset = _good_records(shards, RecordsConfig(on_bad, max_bad, coordinates), num_classes)
        super().__init__(verified, dataset, batch_size, ctx, device, num_threads)
        self._each = batch_size // len(self._ctx)
        self.config = PipelineConfig(self._each, self._threads, prefetch, upright=upright)
        self._definition = found.val
        self._batch = 0
        # The reader's own division of n records among k pipelines.
        edges = [len(self._dataset) * part // len(self._ctx) for part in range(len(self._ctx) + 1)]
        self._sizes = np.diff(edges)
        self._build()

    def _build(self) -> None:
        pipelines = [
            self._definition(
                self._shard(number, len(self._ctx)),
                self._image,
                upright=self.config.upright,
                in_pixels=self._verified.coordinates == "pixel",
                device=self._device,
                batch_size=self._each,
                num_threads=self._threads,
                device_id=self._device_id(ctx),
                prefetch_queue_depth=self.config.prefetch,
            )
            for number, ctx in enumerate(self._ctx)
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
        for (images, objects, places), size in zip(self._run(), self._sizes, strict=True):
            count = min(self._each, int(size) - number * self._each)
            if count > 0:  # the reader fills up its last batch with repetitions
                data.append(as_ndarray(images)[:count])
                labels.append(as_ndarray(objects)[:count])
                texts.append(list(places)[:count])
        return ValBatch(data, labels, lambda: self._places(texts))


def _good_records(shards: Paths, config: RecordsConfig, num_classes: int | None) -> tuple[Verified, Dataset]:
    """What a look through the shards found, and the records to read. Raises DatasetError as `TrainLoader` says."""
    skip = config.on_bad == "skip"
    verified = verify(shards, coordinates=config.coordinates, num_classes=num_classes, decode=skip)
    if skip:
        return verified, verified.without_bad(config.max_bad)
    verified.require_classes(num_classes)
    return verified, verified.require_clean()


def _digest(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def _contexts(ctx: Any) -> list[Any]:
    mx = require("mxnet")
    contexts = list(ctx) if isinstance(ctx, (list, tuple)) else [ctx or mx.cpu()]
    kinds = {context.device_type if isinstance(context, mx.Context) else None for context in contexts}
    if len(kinds) != 1 or None in kinds:
        raise ConfigError(f"ctx must be an mx.Context, or a list of them of one kind, not {ctx!r}")
    return contexts


def _ask_for_anchors(anchors: Any, data_shape: int) -> Any:
    """The anchors themselves, or what a network answers in train mode to an empty image."""
    if not hasattr(anchors, "collect_params"):
        return anchors
    mx = require("mxnet")
    ctx = next(iter(anchors.collect_params().values())).list_ctx()[0]
    with mx.autograd.train_mode():
        return anchors(mx.nd.zeros((1, 3, data_shape, data_shape), ctx=ctx))[2]
