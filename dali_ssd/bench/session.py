"""One experiment from its options to its record."""

from __future__ import annotations

import datetime
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dali_ssd.bench.datasets import MakeConfig, describe, make_set
from dali_ssd.bench.experiment import Run, Trial, plan, run_rounds
from dali_ssd.bench.measuring.before import look_at, plugin_note
from dali_ssd.bench.measuring.child import Request
from dali_ssd.bench.measuring.devices import Device, best_device, cpu_devices, find_gpus, one_device
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.bench.measuring.runner import run_on
from dali_ssd.bench.options import BenchConfig
from dali_ssd.bench.results.record import BenchResult
from dali_ssd.bench.results.steps import CONTENDER, STEPS
from dali_ssd.bench.results.summary import REFERENCE
from dali_ssd.bench.work import HOST_STEPS, Work
from dali_ssd.config import PluginUse
from dali_ssd.machine.describe import describe_machine, versions
from dali_ssd.machine.gpu import gpu_names
from dali_ssd.records.dataset import Dataset, open_dataset
from dali_ssd.util.progress import Progress
from dali_ssd.util.words import shortened

__all__ = ["measure", "open_data", "run_session"]

_HOSTS_PART = "host, as its part for a GPU that is not here"
"""Where steps were measured for a GPU without one."""


@contextmanager
def open_data(config: BenchConfig) -> Iterator[Dataset]:
    """Open the given shards, or draw some into a temporary folder if there are none."""
    if config.shards:
        yield open_dataset(config.shards)
        return
    with tempfile.TemporaryDirectory(prefix="dali-ssd-bench-") as folder:
        yield open_dataset(_draw(Path(folder), config))


def run_session(config: BenchConfig, command: list[str]) -> BenchResult:
    """Run the experiment of `config`; `command` is the command line for the record."""
    date = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    machine, devices = describe_machine(), _devices(config)
    with open_data(config) as dataset:
        data = describe(dataset)
        trials = _trials(config, devices)
        before, missing = look_at(devices), []
        if devices[0].kind == "gpu" and _may_need_plugin(config):
            missing = plugin_note(config.timeout)
            before.notes.extend(missing)
        for note in before.notes:
            print(f"dali-ssd: warning: {note}", file=sys.stderr)
        with Progress("measuring", len(trials) * config.rounds) as progress:
            runs = measure(config, dataset, devices, trials, progress, plugin="off" if missing else "auto")
    task = "steps" if config.steps else f"train {config.network}" if config.train else "load"
    where = _HOSTS_PART if _is_hosts_part(config, devices) else devices[0].kind
    return BenchResult(command, date, task, config.data_shape, where, versions(), machine, data, runs, before)


def measure(
    config: BenchConfig,
    dataset: Dataset,
    devices: Sequence[Device],
    trials: Sequence[Trial],
    progress: Progress,
    keep: Callable[[Run], None] = lambda _: None,
    plugin: PluginUse = "auto",
) -> list[Run]:
    """Run the trials in interleaved rounds; each run is shown and handed to `keep` as it ends.

    `plugin`: "off" where it cannot be had, so that no process tries to build it again.
    """
    shards = tuple(str(shard.resolve()) for shard in dataset.shards)
    by_number = {device.number: device for device in devices}

    def run(trial: Trial) -> Outcome:
        kind = devices[0].kind
        work = Work(shards, trial.batch_size, config.data_shape, trial.threads, kind, config.seed, plugin)
        return run_on([by_number[number] for number in trial.devices], _request(config, trial, work), config.timeout)

    def report(done: Run) -> None:
        keep(done)
        progress.log(f"round {done.round}: {done.trial}: {_brief(done.outcome)}")
        progress.advance()

    return run_rounds(trials, config.rounds, run, report)


def _devices(config: BenchConfig) -> list[Device]:
    if config.gpus:
        return find_gpus(config.gpus)
    if config.cpus > 1:
        return cpu_devices(config.cpus)
    return one_device(best_device() if config.device == "auto" else config.device)


def _trials(config: BenchConfig, devices: list[Device]) -> list[Trial]:
    """Return the trials: on the first device alone, and on all if there are several.

    Steps run on one thread, so that their times do not overlap.
    """
    if config.steps:
        return plan(_steps(config, devices), [1], config.sizes)
    numbers = tuple(device.number for device in devices)
    together = dict.fromkeys([numbers[:1], numbers])
    return plan(config.contender_names, config.thread_counts(len(devices)), config.sizes, list(together))


def _steps(config: BenchConfig, devices: Sequence[Device]) -> list[str]:
    """Return the steps that can be measured: for a GPU that is not there, the host's alone."""
    if _is_hosts_part(config, devices):
        return list(HOST_STEPS)
    # On a GPU the steps after `plan` have their part of the host themselves.
    left_out = ("host",) if devices[0].kind == "gpu" else ("place", "host")
    return [step for step in STEPS if step not in left_out]


def _is_hosts_part(config: BenchConfig, devices: Sequence[Device]) -> bool:
    return config.steps and devices[0].kind == "gpu" and not gpu_names()


def _may_need_plugin(config: BenchConfig) -> bool:
    return config.steps or any(name == REFERENCE or "." in name for name in config.contender_names)


def _request(config: BenchConfig, trial: Trial, work: Work) -> Request:
    if config.steps:
        return Request(CONTENDER, replace(work, until=trial.contender), config.window)
    return Request(trial.contender, work, config.window, config.network if config.train else "")


def _brief(outcome: Outcome) -> str:
    return f"failed: {shortened(outcome.error)}" if outcome.error else f"{outcome.images_per_second:,.0f} images/s"


def _draw(folder: Path, config: BenchConfig) -> Path:
    """Draw shapes as the demo does, in images of Pascal VOC's size."""
    from dali_ssd.synthetic import write_shapes

    (small,) = write_shapes(folder, "small", config.draw, seed=config.seed)
    drawn = folder / "drawn.rec"
    make_set(MakeConfig(str(small), drawn, longest_side=500))
    return drawn
