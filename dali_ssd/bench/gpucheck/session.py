"""A whole check: the assertions on each device, the loader beside nvJPEG alone, and the two files."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dali_ssd.bench.datasets import Description, describe
from dali_ssd.bench.experiment import Run, Trial, plan
from dali_ssd.bench.gpucheck.checks import CheckResult
from dali_ssd.bench.gpucheck.options import GpuCheckConfig
from dali_ssd.bench.gpucheck.runner import check_device, names_of_checks
from dali_ssd.bench.gpucheck.sample import Sample, take_sample
from dali_ssd.bench.measuring.child import in_one_line
from dali_ssd.bench.measuring.devices import Device
from dali_ssd.bench.measuring.machine import Machine, describe_machine, versions
from dali_ssd.bench.options import BenchConfig
from dali_ssd.bench.session import measure, open_data
from dali_ssd.records.dataset import Dataset
from dali_ssd.util.progress import Progress

__all__ = ["GpuCheck", "run_gpu_check"]


@dataclass
class GpuCheck:
    """What is known so far; complete unless `ended` says otherwise."""

    command: list[str]
    date: str
    """Start in ISO format with the time zone."""
    versions: dict[str, str]
    machine: Machine
    devices: list[int]
    """Numbers of the devices."""
    data: Description
    checks: list[CheckResult] = field(default_factory=list)
    runs: dict[int, list[Run]] = field(default_factory=dict)
    """The runs of the benchmark of each data shape."""
    ended: str = ""
    """Why it ended before all was done; empty if it did not."""

    @property
    def failures(self) -> list[str]:
        """What went wrong, a line each."""
        failed = [f"{one.device}: {one.name}: {one.problem}" for one in self.checks if one.problem]
        for shape, runs in self.runs.items():
            failed += [f"{shape} px: {run.trial}: {run.outcome.error}" for run in runs if run.outcome.error]
        return failed + ([f"it ended early: {self.ended}"] if self.ended else [])


def run_gpu_check(
    config: GpuCheckConfig, devices: Sequence[Device], command: list[str], write: Callable[[GpuCheck], None]
) -> GpuCheck:
    """Check and measure the devices, `write` what is known at the end, however that comes, and return it.

    Parts of a CPU go the same way as GPUs, for tests: that shows that this runs, and nothing about a GPU.

    Raises:
        DatasetError: shards that are missing or damaged, before anything is measured.
    """
    folder = tempfile.TemporaryDirectory(prefix="dali-ssd-gpu-check-")
    with folder, open_data(config.benchmarks()[0]) as dataset:
        sample = take_sample(dataset.shards, config.images, Path(folder.name))
        found = GpuCheck(
            command,
            datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            versions(),
            describe_machine(),
            [device.number for device in devices],
            describe(dataset),
        )
        try:
            _fill(found, config, devices, sample, dataset)
        except BaseException as error:
            found.ended = "interrupted" if isinstance(error, KeyboardInterrupt) else in_one_line(error)
            raise
        finally:
            write(found)
    return found


def _fill(found: GpuCheck, config: GpuCheckConfig, devices: Sequence[Device], sample: Sample, dataset: Dataset) -> None:
    benchmarks = [(options, _trials(options, devices)) for options in config.benchmarks()]
    steps = sum(len(names_of_checks(device)) for device in devices)
    steps += sum(len(trials) * options.rounds for options, trials in benchmarks)
    with Progress("checking and measuring", steps) as progress:

        def report(result: CheckResult) -> None:
            found.checks.append(result)
            progress.log(
                f"{result.device}: {result.name}: {f'FAILED: {result.problem}' if result.problem else 'passed'}"
            )
            progress.advance()

        for device in devices:
            if device.kind == "gpu":
                progress.log(f"{device}: a plugin that is not there is built first, which takes a minute")
            check_device(device, sample, names_of_checks(device), config.timeout, report)
        for options, trials in benchmarks:
            runs = found.runs.setdefault(options.data_shape, [])
            progress.log(f"at {options.data_shape} px:")
            measure(options, dataset, devices, trials, progress, runs.append)


def _trials(options: BenchConfig, devices: Sequence[Device]) -> list[Trial]:
    """Return the trials on each device alone, and on all together if there are several."""
    numbers = tuple(device.number for device in devices)
    sets = dict.fromkeys([*((number,) for number in numbers), numbers])
    return plan(options.contender_names, options.thread_counts(len(devices)), options.sizes, list(sets))
