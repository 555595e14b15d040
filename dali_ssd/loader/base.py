"""The base of the loaders: devices and their pipelines, the look-up of records, and the consumer's waiting time.

Each DALI pipeline has a device and its own part of the records, and prepares batches ahead in threads of its own; the
loader only collects them.
"""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from typing_extensions import Self

from dali_ssd.config import NvjpegConfig, PipelineConfig, RecordsConfig, TargetConfig
from dali_ssd.errors import ConfigError, DatasetError, RecordLocation
from dali_ssd.loader.affinity import bound_by_dali
from dali_ssd.loader.fork_guard import no_fork
from dali_ssd.loader.frameworks import Device, FrameworkName, find_framework
from dali_ssd.loader.placement import Placement, choose_where, placement_of
from dali_ssd.loader.recipes import Recipe, build
from dali_ssd.loader.scheduling import many_progressive
from dali_ssd.records.dataset import Dataset, Paths
from dali_ssd.records.decode.dali_messages import parse_source_info
from dali_ssd.records.diagnose import find_damage
from dali_ssd.records.inspect import Decoder, inspect_shards
from dali_ssd.records.lint.dataset_report import DatasetReport
from dali_ssd.records.lint.findings import KINDS, Finding
from dali_ssd.util.files import not_utf8
from dali_ssd.util.host_pool import choose_host_pool
from dali_ssd.util.parallel import available_cores
from dali_ssd.util.words import counted
from dali_ssd.visualize.card import card, known_classes

__all__ = ["Loader", "LoaderStats"]

_log = logging.getLogger(__name__)


@dataclass
class LoaderStats:
    """How the loader kept up since the epoch began."""

    batches: int = 0
    waited: float = 0.0
    """Seconds that the consumer waited for batches."""
    total: float = 0.0
    """Seconds from the epoch's beginning to the last batch handed out."""

    @property
    def waited_share(self) -> float:
        """Share of the time spent waiting for data, 0 to 1."""
        return self.waited / self.total if self.total > 0 else 0.0


class Loader:
    """The base of both loaders: devices, their pipelines, and the look-up of records."""

    report: DatasetReport
    """Result of the look through the shards, including the records that were left out."""
    placement: Placement
    """What of the work runs where."""
    recipe: Recipe
    """Everything that decides what a batch looks like."""

    def __init__(
        self, framework: FrameworkName, pipeline: PipelineConfig, ctx: Any, device: Literal["cpu", "gpu"] | None
    ) -> None:
        self._framework = find_framework(framework)
        self._devices = self._framework.devices(ctx)
        self._makers: list[Callable[[Any], Any]] = [
            partial(self._framework.array, device=device) for device in self._devices
        ]
        self._device = device or self._devices[0].kind
        if self._device not in ("cpu", "gpu"):
            raise ConfigError(f"device must be cpu or gpu, not {device!r}")
        if self._device == "gpu" and self._devices[0].kind == "cpu":
            raise ConfigError(f"device='gpu' needs GPUs in ctx, not {ctx!r}: batches arrive where they are made")
        if self._device == "cpu" and self._devices[0].kind == "gpu" and self._devices[0].handle is None:
            raise ConfigError(
                f"device='cpu' makes batches on the host, and framework={framework!r} cannot copy them to ctx={ctx!r}; "
                "leave device out, or give ctx='cpu'"
            )
        if pipeline.batch_size % len(self._devices):
            raise ConfigError(
                f"batch_size must be a multiple of the number of devices ({len(self._devices)}), "
                f"not {pipeline.batch_size}"
            )
        self.pipeline = pipeline
        self.batch_size = pipeline.batch_size
        self._device_batch_size = int(pipeline.batch_size) // len(self._devices)
        cores = available_cores() if pipeline.num_threads == "auto" else int(pipeline.num_threads)
        self._threads = max(1, cores // len(self._devices))
        self._pid = os.getpid()
        self._pipelines: list[Any] = []
        self._closed = False
        self.stats = LoaderStats()

    def _place(self, nvjpeg: NvjpegConfig, targets: TargetConfig | None = None) -> None:
        """Choose where the work is done, and say so of a GPU; all options must have been checked."""
        self._where = choose_where(self._device, self.pipeline.plugin, nvjpeg)
        self._bound = bound_by_dali(self._device, len(self._devices))
        self.placement = placement_of(self._where, targets, bound=self._bound)
        if self._device == "gpu":
            _log.info("%s", self.placement)

    def _look(
        self,
        shards: Paths,
        records: RecordsConfig,
        num_classes: int | None,
        bad_list: Path | None,
        cache_dir: str | Path | None = None,
    ) -> None:
        """Look through the shards, which may take long: all options must have been checked."""
        self.report, self._dataset = _good_records(shards, records, num_classes, bad_list, cache_dir)
        self._index = self._dataset.merged_index(cache_dir)

    @property
    def dataset(self) -> Dataset:
        """The records that are read, in the order of their files, without those left out as bad."""
        return self._dataset

    @property
    def num_records(self) -> int:
        """Number of records that are read, without those left out as bad."""
        return len(self._dataset)

    @property
    def bad_records(self) -> tuple[Finding, ...]:
        """Errors of the records that `on_bad="skip"` left out."""
        return self.report.errors

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings in the shards, including what is only doubtful."""
        return self.report.findings

    def close(self) -> None:
        """Stop the pipelines and free what they hold; batches that were handed out stay valid."""
        self._closed = True
        self._release()

    def _repr_html_(self) -> str:
        """Return what a notebook shows: facts, and some records as stored; nothing is taken from the pipelines."""
        classes = known_classes(self._dataset.shards)
        pictures = self._dataset.pictures(unit=self.report.unit)
        return card(type(self).__name__, lambda: self._facts(classes), pictures, classes)

    def _facts(self, classes: Sequence[str]) -> dict[str, object]:
        """Return what a notebook says of the loader, by name."""
        recipe, image = self.recipe, self.recipe.image
        bad = len(self.report.bad) + self.report.lost
        facts = self._dataset.facts(classes)
        if bad:
            facts["records"] = f"{facts['records']}, without {counted(bad, 'bad record')}"
        facts["objects"] = f"{self.report.objects:,}"
        facts["recipe"] = f"{recipe.name}: {image.data_shape} x {image.data_shape} pixels, {image.layout} {image.dtype}"
        facts["batch"] = f"{counted(self.batch_size, 'image')} on {counted(len(self._devices), 'device')}"
        facts["threads"] = f"{self._threads} for each device"
        if self._closed or os.getpid() != self._pid:
            facts["state"] = "closed" if self._closed else "made in another process: it cannot be read here"
        return facts | dict(self.placement.parts())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _release(self) -> None:
        with no_fork():
            self._pipelines.clear()

    def _slice(self, number: int, count: int) -> Any:
        from dali_ssd.graph.source import ReaderSlice

        _require_utf8(self._index)  # the shards' names were checked with the shards
        if len(self._dataset) < count:
            raise DatasetError(f"{counted(len(self._dataset), 'record')} for {count} devices: each needs one at least")
        progressive = many_progressive(self.report.progressive)
        return ReaderSlice(self._dataset.shards, self._index, number, count, progressive)

    def _start(self, pipelines: list[Any], part: Literal["train", "val"]) -> None:
        """Build pipelines in place of those before, which this part of the recipe has returned.

        Raises DatasetError if a shard has changed, ConfigError if the recipe does not return pipelines.
        """
        self._release()
        self._dataset.require_sizes()  # DALI 2.4 crashes if a shard has become empty
        choose_host_pool()
        with no_fork():
            for pipeline in pipelines:
                build(pipeline, self.recipe, part)
        self._pipelines = pipelines

    def _finish(self, batch: Any) -> Any:
        """Return a batch as the loader hands it out; loaders for one framework change it here."""
        return batch

    def _device_id(self, device: Device) -> int | None:
        return device.number if self._device == "gpu" else None

    def _require_running(self) -> None:
        if self._closed:
            raise ConfigError("the loader is closed, by close() or by an earlier error; make a new one")
        if os.getpid() != self._pid:  # a fork has none of the pipelines' threads: it would wait forever
            raise ConfigError("the loader was made in another process; make one in each process that reads")

    def _run(self, pipelines: Sequence[Any]) -> list[Any]:
        """Return what each of these has prepared; counts the time that the caller waits.

        An exception, such as the KeyboardInterrupt of Ctrl-C or of a notebook's stop, may come when some have handed
        their run out and others have not: then they must be built anew.
        """
        self._require_running()
        begin = time.perf_counter()
        try:
            with no_fork():
                return _outputs(pipelines)
        except BaseException as error:
            # A notebook keeps the last traceback, and with it these pipelines beside new ones.
            traceback.clear_frames(error.__traceback__)
            if not isinstance(error, RuntimeError):
                raise
            self.close()  # DALI's pipelines cannot be used after an error
            raise find_damage(self._dataset, str(error)) from error
        finally:
            self.stats.waited += time.perf_counter() - begin

    def _locate(self, texts: Sequence[Any]) -> list[RecordLocation]:
        """Return the location of each record from its `graph.source.source_info`."""
        found = []
        for text in (np.asarray(tensor).tobytes().decode() for tensors in texts for tensor in tensors):
            shard, offset = parse_source_info(text)
            number = self._dataset.find(shard, offset)
            found.append(RecordLocation(Path(shard), None, offset) if number is None else self._dataset.place(number))
        return found


def _outputs(pipelines: Sequence[Any]) -> list[Any]:
    """Run pipelines side by side: all of them have work before the first is waited for."""
    for pipeline in pipelines:
        pipeline.schedule_run()
    return [pipeline.outputs() for pipeline in pipelines]


def _require_utf8(path: Path) -> None:
    odd = not_utf8(path)
    if odd is not None:
        raise DatasetError(
            f"DALI cannot open {odd} in the cache folder, whose name is not UTF-8; set DALI_SSD_CACHE to another folder"
        )


def _good_records(
    shards: Paths,
    config: RecordsConfig,
    num_classes: int | None,
    bad_list: Path | None,
    cache_dir: str | Path | None,
) -> tuple[DatasetReport, Dataset]:
    """Return the report on the shards, and the records to read. Raises DatasetError as `TrainLoader` says."""
    skip = config.on_bad == "skip"
    decoders: Sequence[Decoder] = ("dali",) if skip else ()
    report = inspect_shards(
        shards, coordinates=config.coordinates, num_classes=num_classes, decoders=decoders, cache_dir=cache_dir
    )
    report.require_readable()
    for kind, meaning in KINDS.items():
        if meaning.logged:
            _warn(report, kind)
    if not skip:
        report.require_classes()
        return report, report.require_clean()
    dataset = report.without_bad(config.max_bad)
    if report.errors:
        _log.warning("%s; %s lists what is wrong", _passed_over(report), report.write_list(bad_list))
    return report, dataset


def _passed_over(report: DatasetReport) -> str:
    """Return in words what `on_bad="skip"` did about the errors."""
    bad, faults = len(report.bad) + report.lost, sum(one.meaning.part == "index" for one in report.errors)
    texts = [f"{counted(bad, 'bad record')} left out"] if bad else []
    return " and ".join([*texts, f"{counted(faults, 'fault')} of an index passed over"] if faults else texts)


def _warn(report: DatasetReport, kind: str) -> None:
    """Log one line about a kind of findings, if there are any."""
    some = [found for found in report.findings if found.kind == kind]
    if some:
        _log.warning("%s (%d), such as %s; %s", KINDS[kind].title, len(some), some[0], KINDS[kind].advice)
