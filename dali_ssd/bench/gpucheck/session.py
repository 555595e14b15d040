"""A whole check: the assertions on each device, the loader beside nvJPEG alone, and the two files."""

from __future__ import annotations

import datetime
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dali_ssd.bench.datasets import Description, describe
from dali_ssd.bench.experiment import Run, Trial, plan
from dali_ssd.bench.gpucheck.checks import CUDA, PLUGIN, CheckResult
from dali_ssd.bench.gpucheck.options import GpuCheckConfig
from dali_ssd.bench.gpucheck.runner import check_device, names_of_checks
from dali_ssd.bench.gpucheck.sample import Sample, take_sample
from dali_ssd.bench.measuring.before import Before, look_at
from dali_ssd.bench.measuring.devices import Device
from dali_ssd.bench.measuring.process import in_one_line
from dali_ssd.bench.options import BenchConfig
from dali_ssd.bench.session import measure, open_data
from dali_ssd.machine.describe import Machine, describe_machine, versions
from dali_ssd.records.dataset import Dataset
from dali_ssd.util.files import make_folder
from dali_ssd.util.progress import Progress
from dali_ssd.util.words import first_few, shortened

__all__ = ["GpuCheck", "run_gpu_check"]


@dataclass
class GpuCheck:
    """What is known so far; complete unless `ended` says otherwise."""

    command: list[str]
    date: str
    """Start in ISO format with the time zone."""
    versions: dict[str, str]
    machine: Machine
    devices: list[Device]
    threads: list[int]
    """Of the loader on each device, as it is measured."""
    before: Before
    data: Description
    checks: list[CheckResult] = field(default_factory=list)
    runs: dict[int, list[Run]] = field(default_factory=dict)
    """The runs of the benchmark of each data shape."""
    ended: str = ""
    """Why it ended before all was done; empty if it did not."""

    @property
    def numbers(self) -> list[int]:
        """Numbers of the devices."""
        return [device.number for device in self.devices]

    @property
    def failures(self) -> list[str]:
        """What went wrong, a line for all with the same reason."""
        places: dict[str, list[str]] = {}
        for one in self.checks:
            if one.problem:
                places.setdefault(f"{one.state}: {one.problem}", []).append(f"{one.device}, {one.name}")
        for shape, runs in self.runs.items():
            for run in runs:
                if run.outcome.error:
                    places.setdefault(f"failed: {run.outcome.error}", []).append(f"{shape} px, {run.trial}")
        lines = [f"{'; '.join(first_few(names, 'place', 3))}: {why}" for why, names in places.items()]
        if self.ended:
            return [*lines, f"it ended early: {self.ended}"]
        return lines if any(self.runs.values()) else [*lines, "nothing was measured"]


def run_gpu_check(
    config: GpuCheckConfig, devices: Sequence[Device], command: list[str], write: Callable[[GpuCheck], None]
) -> GpuCheck:
    """Check and measure the devices, `write` what is known at the end, however that comes, and return it.

    The folder of the options is made if it is missing, after the records have been looked at.

    Parts of a CPU go the same way as GPUs, for tests: that shows that this runs, and nothing about a GPU.

    Raises:
        DatasetError: shards that are missing or damaged, before anything is measured.
        DaliSsdError: files cannot be created in the folder, likewise.
    """
    folder = tempfile.TemporaryDirectory(prefix="dali-ssd-gpu-check-")
    with folder, open_data(config.benchmarks()[0]) as dataset:
        sample = take_sample(dataset.shards, config.images, Path(folder.name))
        data, options = describe(dataset), config.benchmarks()[0]
        make_folder(config.out)
        found = GpuCheck(
            command,
            datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            versions(),
            describe_machine(),
            list(devices),
            options.thread_counts(len(devices)),
            look_at(devices),
            data,
        )
        try:
            _fill(found, config, devices, sample, dataset)
        except BaseException as error:
            found.ended = _why(error)
            raise
        finally:
            write(found)
    return found


def _why(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, SystemExit) and isinstance(error.code, int) and error.code > 128:
        return f"stopped by {signal.Signals(error.code - 128).name}"  # so the command line ends on a signal
    return in_one_line(error)


def _fill(found: GpuCheck, config: GpuCheckConfig, devices: Sequence[Device], sample: Sample, dataset: Dataset) -> None:
    benchmarks = config.benchmarks()
    steps = sum(len(names_of_checks(device)) for device in devices)
    steps += sum(len(_trials(options, devices, devices)) * options.rounds for options in benchmarks)
    left_out: list[str] = []  # reasons for which checks of a device are not made, each said once
    with Progress("checking and measuring", steps) as progress:
        for note in found.before.notes:
            progress.log(f"warning: {note}")

        def report(result: CheckResult) -> None:
            found.checks.append(result)
            why = f": {shortened(result.problem)}" if result.problem else ""
            if result.made:
                progress.log(f"{result.device}: {result.name}: {result.state}{why}")
            elif why not in left_out:
                progress.log(f"{result.device}: {result.name}, and all others like it: {result.state}{why}")
                left_out.append(why)
            progress.advance()

        for device in devices:
            left_out.clear()
            if device.kind == "gpu":
                progress.log(f"{device}: a plugin that is not there is built first, which takes half a minute")
            check_device(device, sample, names_of_checks(device), config.timeout, report)
        without = {one.device for one in found.checks if one.name == CUDA and one.problem}
        working = [device for device in devices if str(device) not in without]
        if without:
            progress.log(f"not measured: {', '.join(sorted(without))}, where CUDA does not work")
        lacking = any(one.name == PLUGIN and one.problem for one in found.checks)
        for options in benchmarks:
            runs = found.runs.setdefault(options.data_shape, [])
            trials = _trials(options, working, devices)
            if trials:  # none if CUDA works nowhere
                progress.log(f"at {options.data_shape} px:")
                measure(options, dataset, working, trials, progress, runs.append, "off" if lacking else "auto")


def _trials(options: BenchConfig, working: Sequence[Device], devices: Sequence[Device]) -> list[Trial]:
    """Return the trials on each device that works alone, and on all that do together if there are several.

    With as many threads in any case as each of all devices has.
    """
    numbers = tuple(device.number for device in working)
    sets = dict.fromkeys([*((number,) for number in numbers), *([numbers] if numbers else [])])
    return plan(options.contender_names, options.thread_counts(len(devices)), options.sizes, list(sets))
