"""`TrainLoader`: augmented batches and their targets, and the state from which they continue to the bit."""

from __future__ import annotations

import base64
import hashlib
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Unpack

from dali_ssd.config import NvjpegConfig, PipelineConfig, RecordsConfig
from dali_ssd.errors import CheckpointError, ConfigError, DaliSsdError
from dali_ssd.loader.base import Loader, LoaderStats
from dali_ssd.loader.frameworks import FrameworkName
from dali_ssd.loader.identity import code_of, digest, plain, require_same_run, require_whole
from dali_ssd.loader.options import TrainOptions, check_records_options, check_world, gather
from dali_ssd.loader.pipeline_group import PipelineGroup, batch_class, require_outputs
from dali_ssd.loader.recipes import Recipe
from dali_ssd.loader.scheduling import batches_per_run, pipelines_per_device
from dali_ssd.records.dataset import Paths
from dali_ssd.util.deprecated import renamed
from dali_ssd.util.optional import require
from dali_ssd.util.words import first_line

__all__ = ["TrainLoader"]


class TrainLoader(Loader):
    """Augmented batches and their targets, without end; each `iter()` gives the next epoch of `len(self)` batches.

    The records form an endless stream, shuffled anew with each pass. An epoch is the full batches of one pass
    plus the previous remainder (`rollover` of Gluon's `DataLoader`): nothing is dropped, and k epochs are as many steps
    as with GluonCV. On a CPU, if a pass has 12 batches or more, two pipelines take turns, each through one half of the
    records and then the other: at the end of an epoch, one may be a batch ahead.

    With `world_size` processes, each device of each of them has a part of the records in a pass, a contiguous slice of
    the shards, and the next part in the next pass. Within its part a device draws its own order from `seed`. All ranks
    have the same number of steps, and N ranks with one device each get what one process with N devices gets, to the
    bit. After k epochs no record was given out more than k times over all ranks, and fewer than a step's are one time
    short: they come first in the next epoch. Two exceptions: where two pipelines take turns, up to half a step's
    records (rounded up for each device) may have come once more, and as many are short besides; and fewer records than
    one step takes are repeated until it is full. If shards are sorted, such as by class, a batch of one device sees a
    few classes at a time: write them by `dali-ssd convert --shuffle`.

    A batch that an exception cuts short, such as the KeyboardInterrupt of Ctrl-C or of a notebook's stop, is made again
    to the bit: the next `iter()` begins with it, and `state_dict()` leads to it.

    Args:
        shards: a `.rec` path, many, or a glob such as `"data/train-*.rec"`. A missing `.idx` is built.
        anchors: what a GluonCV SSD returns in train mode, `(1, N, 4)` center format in network pixels, or the network;
            None if `targets` is `boxes`.
        recipe: name of an entry point of `dali_ssd.pipelines`, `module:attribute`, a module or a `Recipe`: pipelines,
            and all numbers that are not given here. Default: `ssd512` for 512 pixels, else `ssd300` at the size of
            `data_shape`.
        ctx: an `mx.Context` or a list of them; for `dlpack` "cpu", "gpu", "gpu:1" or a list of those; default: the CPU.
            Each gets an equal part of every batch.
        device: `cpu` or `gpu`, where decoding, rendering and encoding run; default: as `ctx`.
        framework: `mxnet`: NDArrays. `dlpack`: arrays over DALI's memory, NumPy's on the host and `GpuArray` on a GPU,
            which PyTorch, JAX and others take by DLPack; needs no MXNet.
        world_size, rank: number of processes, which need the same arguments but `rank` and `ctx`, and which of them
            this is (formerly `num_shards`, `shard_id`).
        num_classes: number of classes, so that labels with higher ids count as bad.
        bad_list: file for the list of records left out; default: one in the cache folder, which a warning names.
        pipeline: how the pipelines run: batch size, threads, seed.
        records: what to do about records that cannot be used, and what their labels hold.
        nvjpeg: how a GPU decodes.
        options: the fields of `PipelineConfig`, `RecordsConfig` and `NvjpegConfig` by their names, in place of those of
            `pipeline`, `records` and `nvjpeg`; and `data_shape`, `dtype`, `layout`, `mean`, `std`, `targets` and
            `augment` in place of the recipe's.

    Attributes:
        recipe: everything that decides what a batch looks like.
        pipeline: the `PipelineConfig` in use.
        placement: what of the work runs where; see `loader.placement.Placement`.
        epoch: number of epochs yielded so far.

    Raises:
        ConfigError: an option that cannot work, before any shard is opened; or a recipe that renders another size than
            `data_shape`.
        DatasetError: shards that are missing, empty or damaged; all that is wrong is named. Or fewer records than there
            are devices over all processes.
        PluginError: `plugin="require"` on a GPU, and the plugin can neither be found nor built.
    """

    @renamed(num_shards="world_size", shard_id="rank")
    def __init__(
        self,
        shards: Paths,
        *,
        anchors: Any = None,
        recipe: str | Recipe | ModuleType | None = None,
        ctx: Any = None,
        device: Literal["cpu", "gpu"] | None = None,
        framework: FrameworkName = "mxnet",
        world_size: int = 1,
        rank: int = 0,
        num_classes: int | None = None,
        bad_list: str | Path | None = None,
        pipeline: PipelineConfig | None = None,
        records: RecordsConfig | None = None,
        nvjpeg: NvjpegConfig | None = None,
        **options: Unpack[TrainOptions],
    ) -> None:
        require("nvidia.dali")
        check_world(world_size, rank)
        self.recipe, pipeline, records, nvjpeg = gather(TrainOptions, options, recipe, pipeline, records, nvjpeg)
        bad_path = check_records_options(num_classes, bad_list)
        super().__init__(framework, pipeline, ctx, device)
        centers = self._centers(anchors)
        code_of(self.recipe)  # refused here if no state of it could be taken
        self._place(nvjpeg, self.recipe.targets)
        self._look(shards, records, num_classes, bad_path)
        self.report.require_objects()
        self.epoch = 0
        self._batch = self._resume_at = self._turn = 0
        self._world_size, self._rank = world_size, rank
        self._options: dict[str, Any] = {
            "anchors": centers,
            "augment": self.recipe.augment,
            "image": self.recipe.image,
            "targets": self.recipe.targets,
            "unit": self.report.unit,
        }
        batches = len(self._dataset) // (world_size * self.batch_size)
        self._num_groups = pipelines_per_device(self._device, batches)
        self._threads = -(-self._threads // self._num_groups)
        self._per_run = self._batches_per_run(batches // self._num_groups) if self._device == "cpu" else 1
        self._run_batch_size = self._device_batch_size * self._per_run
        self._groups: list[PipelineGroup] = []
        self._identity: dict[str, str] | None = None
        """Of states, once one was asked for: made anew for each, it would take longest."""
        self._build([{"pipelines": [None] * len(self._devices), "taken": 0} for _ in range(self._num_groups)])
        self._at_rest = True
        """Whether no batch is being made: its pipelines may have handed it out, and the loader not yet."""

    def _centers(self, anchors: Any) -> NDArray[np.float32]:
        """Return the anchors (N, 4) that have targets; none if the boxes are wanted themselves."""
        if self.recipe.targets.targets == "boxes":
            if anchors is not None:
                raise ConfigError("targets='boxes' gives the boxes themselves, whatever the anchors; leave anchors out")
            return np.zeros((0, 4), np.float32)
        if anchors is None:
            raise ConfigError(
                "anchors are missing, for which targets are made; give them, or targets='boxes' for boxes alone"
            )
        from dali_ssd.kernels.targets import as_center_anchors  # Numba takes a moment to load

        return as_center_anchors(self._framework.anchors(anchors, self.recipe.image.data_shape))

    def _batches_per_run(self, pass_has: int) -> int:
        options = self._options
        most = batches_per_run(
            self._device_batch_size,
            self._num_groups,
            self.report.mean_pixels,
            options["image"],
            len(options["anchors"]),
        )
        return max(1, min(most, pass_has))

    def _build(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Build groups in place of those before, each from its state."""
        pipelines = [
            [self._pipeline(group, device, checkpoint) for device, checkpoint in enumerate(state["pipelines"])]
            for group, state in enumerate(states)
        ]
        self._start([pipeline for group in pipelines for pipeline in group], "train")
        require_outputs(pipelines[0][0], self.recipe)
        self._groups = [
            PipelineGroup(
                of_devices, self._makers, batch_class(self.recipe), self._device_batch_size, self._per_run, state
            )
            for of_devices, state in zip(pipelines, states, strict=True)
        ]

    def _pipeline(self, group: int, device: int, checkpoint: str | None) -> Any:
        each = len(self._devices) * self._num_groups
        part, count = self._rank * each + device * self._num_groups + group, self._world_size * each
        # The reader fills up a larger window with further copies of its records, which changes nothing.
        window = min(-(-self.pipeline.initial_fill // self._num_groups), -(-len(self._dataset) // count))
        return self.recipe.train(
            self._slice(part, count),
            **self._options,
            initial_fill=window,
            upright=self.pipeline.upright,
            where=self._where,
            batch_size=self._run_batch_size,
            num_threads=self._threads,
            set_affinity=self._bound,
            device_id=self._device_id(self._devices[device]),
            seed=int(self.pipeline.seed) + part,
            prefetch_queue_depth=int(self.pipeline.prefetch),
            enable_checkpointing=True,
            checkpoint=None if checkpoint is None else base64.b64decode(checkpoint),
        )

    def _facts(self, classes: Sequence[str]) -> dict[str, object]:
        own = {"epoch": f"{self.epoch}, batch {self._batch} of {len(self):,}", "seed": self.pipeline.seed}
        return super()._facts(classes) | own

    def _release(self) -> None:
        super()._release()
        for group in self._groups:
            group.release()

    def __len__(self) -> int:
        """Return the number of batches of the current epoch: at times one more, from what earlier epochs left over."""
        return self._batches_of(self.epoch)

    def _batches_of(self, epoch: int) -> int:
        step = self.batch_size * self._world_size
        before, after = (passes * len(self._dataset) // step for passes in (epoch, epoch + 1))
        return max(1, after - before)

    def __iter__(self) -> Iterator[Any]:
        """Yield one epoch, or after `load_state_dict` the rest of the one that was interrupted.

        Of `loader.batch.Batch`, or if `targets` is `boxes`, of `loader.batch.BoxBatch`.
        """
        self.stats = LoaderStats()
        self._batch, self._resume_at = self._resume_at, 0
        begin = time.perf_counter()
        while self._batch < len(self):
            batch = self._next()
            self.stats.batches += 1
            self.stats.total = time.perf_counter() - begin
            group, turn = self._groups[self._turn], (self._turn + 1) % self._num_groups
            # One statement without a call: signals raise their exceptions before it, or when the batch is handed out.
            group.taken, self._turn, self._batch, self._at_rest = group.taken + 1, turn, self._batch + 1, True
            yield batch
        self._batch = 0
        self.epoch += 1

    def _next(self) -> Any:
        """Return the next batch, which stays the next until it is counted as taken."""
        self._require_running()
        if not self._at_rest:
            self._build([group.state() for group in self._groups])
        self._at_rest = False
        return self._finish(self._groups[self._turn].next(self._run, self._locate))

    def state_dict(self) -> dict[str, Any]:
        """Return where the loader is, between any two batches, as plain values that pickle and JSON can hold.

        A loader with the same arguments that loads it continues with the next batch, to the bit. It takes a few
        microseconds, but for the first, so that it may be taken before every batch. Raises ConfigError if the loader is
        closed.
        """
        self._require_running()
        if self._identity is None:
            self._identity = self._identify()
        return {
            "rank": self._rank,
            "epoch": self.epoch,
            "batch": self._batch,
            "turn": self._turn,
            "groups": [group.state() for group in self._groups],
            "identity": dict(self._identity),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken.

        Raises CheckpointError if it belongs to another rank, other data, options or code, or is damaged: the loader is
        then where it was, unless only DALI finds the damage, which closes it. A closed loader may load another state.
        """
        require_same_run(state, {"the rank": str(self._rank), **self._identify()})
        require_whole(state, self._num_groups, len(self._devices), self._per_run)
        if state["batch"] > self._batches_of(state["epoch"]):
            raise CheckpointError(
                f"the loader's state is damaged: batch is {state['batch']}, and epoch {state['epoch']} has "
                f"{self._batches_of(state['epoch'])}"
            )
        self.close()  # if this is interrupted, the loader is neither here nor there
        try:
            self._build(state["groups"])
        except DaliSsdError:
            raise
        except (RuntimeError, ValueError) as error:
            traceback.clear_frames(error.__traceback__)  # which hold the new pipelines
            self._release()
            raise CheckpointError(
                f"DALI cannot go on from the loader's state, which may be damaged: {first_line(error)}; this "
                "loader is closed now, and can load another"
            ) from error
        self.epoch, self._turn = state["epoch"], state["turn"]
        self._batch = self._resume_at = state["batch"]
        self._at_rest, self._closed = True, False

    def _identify(self) -> dict[str, str]:
        """Return everything that decides which batches come next, the same in every rank."""
        import nvidia.dali

        from dali_ssd.graph.callback import source_digest
        from dali_ssd.plugin.sources import dali_here, own_sources

        options = {name: value for name, value in self._options.items() if name != "anchors"}
        settings = (plain(self._where), self.pipeline.initial_fill, self.pipeline.upright)
        plugin = own_sources().key(dali_here()) if self._where.plugin else ""
        code = code_of(self.recipe) + source_digest().encode() + plugin.encode()
        return {
            "the number of records": str(len(self._dataset)),
            "the shards": f"{','.join(shard.name for shard in self._dataset.shards)} {digest(self._dataset.offsets)}",
            "the labels": self.report.label_digest,
            "batch_size": str(self.batch_size),
            "the number of devices": f"{self._world_size} x {len(self._devices)}",
            "the number of pipelines per device": str(self._num_groups),
            "the number of batches per run": str(self._per_run),
            "seed": str(self.pipeline.seed),
            "the options": f"{plain(options)} {settings} anchors {digest(self._options['anchors'])}",
            "the pipeline's code": hashlib.sha256(code).hexdigest()[:16],
            "the version of DALI": nvidia.dali.__version__,
        }
