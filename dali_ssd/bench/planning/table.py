"""Print a plan: what was measured, given and assumed, what a node needs, and what is short."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TextIO

from dali_ssd.bench.cluster.needs import Need, epochs_from_disk
from dali_ssd.bench.planning.record import Plan
from dali_ssd.bench.planning.verdict import rate_of, share
from dali_ssd.bench.results.summary import Spread
from dali_ssd.bench.results.table import Column, console_of, format_number, make_table
from dali_ssd.util.words import counted

__all__ = ["print_plan"]

_OVER_ALL = ("disk", "memory", "cores")
"""Needs whose sum over all nodes means something: of a file system, and of what is bought."""

_CHOICES = {
    "decode=gpu": "GPU decodes",
    "decode=cpu": "CPU decodes",
    "engine=horovod": "Horovod",
    "engine=kvstore": "KVStore",
}
_WIDTH = 120
"""Characters that a table of huge numbers may take: a cell that is cut short would say nothing."""


def print_plan(plan: Plan, stream: TextIO) -> None:
    """Print a plan to `stream`."""
    console = console_of(stream)
    console.width = max(console.width, _WIDTH)
    for line in [*_above(plan), ""]:
        console.print(line, markup=False, soft_wrap=True)
    console.print(make_table(_columns(plan), 1, plain=not stream.isatty()))
    for line in ["", *plan.verdict.sentences, "", *_below(plan)]:
        console.print(line, markup=False, soft_wrap=True)


def _above(plan: Plan) -> list[str]:
    cluster = plan.cluster
    return [
        f"{counted(cluster.nodes, 'node')} of {counted(cluster.gpus, 'GPU')}, SSD of {plan.data_shape} px: "
        f"{cluster.rate:,.6g} images/s a GPU, {cluster.gpus * cluster.rate:,.6g} a node, "
        f"{cluster.nodes * cluster.gpus * cluster.rate:,.6g} in all",
        f"measured: {_measured(plan)}",
        f"on: {plan.machine.cpu}, {counted(plan.machine.cores, 'core')}; load before: {plan.machine.load:.1f}",
        f"given: {_values(plan, plan.given)}",
        *([f"assumed, as here: {_values(plan, plan.here)}"] if plan.here else []),
        f"assumed: {_values(plan, _defaults(plan))}",
        *(f"note: {note}" for note in plan.notes),
    ]


def _measured(plan: Plan) -> str:
    costs = plan.costs
    parts = [
        f"{format_number(costs.record_bytes / 1000)} kB a record, {counted(costs.records, 'record')}",
        f"{_spread(plan.measured['host_ms'])} CPU ms an image on the host of a GPU, "
        f"{'with' if plan.plugin else 'without'} the plugin",
        f"{_spread(plan.measured['cpu_ms'])} CPU ms an image, all on the CPU",
    ]
    if costs.parameters and not plan.cluster.parameters:
        parts.append(f"{costs.parameters / 1e6:.1f} million parameters counted in {plan.cluster.network}")
    return "; ".join(parts)


def _spread(spread: Spread) -> str:
    return f"{format_number(spread.median)} ({format_number(spread.low)} - {format_number(spread.high)})"


def _values(plan: Plan, keys: Iterable[str]) -> str:
    values = ((key, getattr(plan.cluster, key)) for key in keys)
    return ", ".join(f"{key}={f'{value:.6g}' if isinstance(value, float) else value}" for key, value in values)


def _defaults(plan: Plan) -> list[str]:
    """Return the keys of defaults that count: zeros stand for what is measured."""
    known = [*plan.given, *plan.here]
    return [key for key, value in vars(plan.cluster).items() if key not in known and value]


def _columns(plan: Plan) -> list[Column]:
    needs = plan.needs
    nodes = plan.cluster.nodes
    return [
        ("computed,\nof a node", [_name(need) for need in needs]),
        ("needed", [f"{format_number(need.needed)} {need.unit}" for need in needs]),
        ("all nodes", [format_number(nodes * need.needed) if need.what in _OVER_ALL else "" for need in needs]),
        ("there is", ["" if need.available is None else format_number(need.available) for need in needs]),
        ("used", ["" if need.used is None else share(need.used) for need in needs]),
        ("limit,\nimages/s", [_limit(plan, need) for need in needs]),
    ]


def _name(need: Need) -> str:
    where = "PCIe of a GPU" if need.what == "PCIe" else need.what
    choice = f", {_CHOICES[need.choice]}" if need.choice else ", in all" if need.what == "PCIe" else ""
    return f"{where}{choice}{' *' if need.passing else ''}{'' if need.chosen else ' -'}"


def _limit(plan: Plan, need: Need) -> str:
    rate = math.inf if need.what == "memory" or need.part else rate_of(need, plan.cluster)
    return format_number(rate) if math.isfinite(rate) else ""


def _below(plan: Plan) -> list[str]:
    others = dict.fromkeys(need.choice for need in plan.needs if not need.chosen)
    return [
        *_of_the_first_epoch(plan),
        "limit: of a GPU, at which all that there is is used",
        f"-: not of this plan, but with {' or '.join(others)}",
        "network, between GPUs, PCIe with a KVStore: in each direction",
        "best case: cores add up, and nothing waits: gradients travel while the GPUs compute",
        "not measured: decoding, rendering and training on GPUs, whose rate is the one that was asked for",
        "not counted: cores that nvJPEG, the training loops and the servers of a KVStore take; memory of the processes",
    ]


def _of_the_first_epoch(plan: Plan) -> Sequence[str]:
    gpus, nodes = plan.cluster.gpus, plan.cluster.nodes
    if not any(need.passing for need in plan.needs):
        return []
    if nodes == 1:
        return ["*: in the first epoch; later ones read from memory"]
    some = "all of it" if gpus == 1 else f"1/{gpus} of it"
    return [f"*: in the first epoch; {some} in the next {epochs_from_disk(gpus, nodes) - 1}; then all is in memory"]
