"""A plan from its options: count, measure, compute."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dali_ssd.anchors import vgg_anchors
from dali_ssd.bench.cluster.needs import Costs, batch_bytes, needs_of
from dali_ssd.bench.cluster.options import ClusterConfig, given_in, read_cluster
from dali_ssd.bench.datasets import describe
from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.measuring.before import plugin_note
from dali_ssd.bench.measuring.devices import one_device
from dali_ssd.bench.options import BenchConfig
from dali_ssd.bench.planning.parameters import count_parameters
from dali_ssd.bench.planning.record import Plan
from dali_ssd.bench.planning.verdict import judge
from dali_ssd.bench.results.summary import REFERENCE, Spread
from dali_ssd.bench.session import measure, open_data
from dali_ssd.bench.work import HOST_STEPS
from dali_ssd.config import PluginUse
from dali_ssd.errors import DatasetError
from dali_ssd.machine.describe import Machine, describe_machine, versions
from dali_ssd.records.dataset import Dataset
from dali_ssd.util.parallel import available_cores
from dali_ssd.util.progress import Progress

__all__ = ["make_plan"]


def make_plan(config: BenchConfig, command: list[str]) -> Plan:
    """Measure what an image costs here, and return what the cluster of `config.plan` needs.

    Raises:
        ConfigError: the text of the plan cannot be understood, or there is no such network.
        MissingDependencyError: parameters are to be counted, and MXNet is missing.
        DatasetError: shards that are missing or damaged, or a loader that fails on them.
    """
    date = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    text = config.plan or ""
    machine, asked, given = describe_machine(), read_cluster(text), given_in(text)
    cluster = _of_this_machine(asked, machine)
    parameters = _parameters(cluster, config.data_shape)  # before minutes of measuring
    with open_data(config) as dataset:
        data, notes = describe(dataset), plugin_note(config.timeout)
        for note in notes:
            print(f"dali-ssd: warning: {note}", file=sys.stderr)
        measured = _measured(config, cluster, dataset, "off" if notes else "require")
        costs = Costs(
            records=len(dataset),
            record_bytes=int(dataset.starts[-1]) / len(dataset),
            image_bytes=1000 * data.mean_kilobytes,
            batch_bytes=batch_bytes(config.data_shape, len(vgg_anchors(config.data_shape)), cluster.pixels),
            host_ms=measured["host_ms"].median,
            cpu_ms=measured["cpu_ms"].median,
            parameters=parameters,
        )
    needs = needs_of(cluster, costs)
    return Plan(
        command,
        date,
        config.data_shape,
        versions(),
        machine,
        data,
        notes,
        measured,
        not notes,
        costs,
        cluster,
        list(given),
        [key for key in ("cores", "memory_gb") if getattr(asked, key) == 0],
        needs,
        judge(cluster, needs),
    )


def _of_this_machine(asked: ClusterConfig, machine: Machine) -> ClusterConfig:
    """Return the cluster with nodes like this machine where nothing else was given."""
    cores, memory = asked.cores or machine.cores, asked.memory_gb or _available_memory() / 1e9
    return replace(asked, cores=cores, memory_gb=memory)


def _available_memory() -> int:
    """Return the bytes that programs and the page cache could have now, as the kernel estimates it."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return 1024 * int(lines["MemAvailable"].split()[0])


def _parameters(cluster: ClusterConfig, data_shape: int) -> float:
    """Return how many numbers the gradients have; 0 for a single GPU, which exchanges none."""
    if cluster.gpus * cluster.nodes == 1:
        return 0
    return 1e6 * cluster.parameters or count_parameters(cluster.network, data_shape, cluster.classes)


def _measured(config: BenchConfig, cluster: ClusterConfig, dataset: Dataset, plugin: PluginUse) -> dict[str, Spread]:
    """Return the CPU milliseconds of an image, with all cores at work: each costs more then than alone."""
    host = replace(config, plan=None, steps=True, device="gpu")
    whole = replace(config, plan=None, contenders=REFERENCE, device="cpu")
    trials = [Trial(name, available_cores(), cluster.batch) for name in (HOST_STEPS[-1], REFERENCE)]
    with Progress("measuring", len(trials) * config.rounds) as progress:
        runs = measure(host, dataset, one_device("gpu"), trials[:1], progress, plugin=plugin)
        runs += measure(whole, dataset, one_device("cpu"), trials[1:], progress)
    return {"host_ms": _milliseconds(runs, trials[0]), "cpu_ms": _milliseconds(runs, trials[1])}


def _milliseconds(runs: Sequence[Run], trial: Trial) -> Spread:
    """Return the CPU milliseconds per image of all rounds of a trial. Raises DatasetError if one failed."""
    outcomes = [run.outcome for run in runs if run.trial == trial]
    failed = [outcome.error for outcome in outcomes if outcome.error]
    spread = Spread.of(outcome.cpu_ms_per_image for outcome in outcomes)
    if failed or spread is None:
        raise DatasetError(f"cannot measure what an image costs ({trial}): {' '.join(failed)}")
    return spread
