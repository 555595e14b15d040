"""What is short, from which rate on, and what to do, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dali_ssd.bench.cluster.needs import Need
from dali_ssd.bench.cluster.options import ClusterConfig
from dali_ssd.bench.results.table import format_number

__all__ = ["Verdict", "judge", "rate_of", "share"]

_NAMES = {
    "disk": "the disk",
    "cores": "the processor",
    "PCIe": "the bus to the GPUs",
    "network": "the network",
}


@dataclass(frozen=True)
class Verdict:
    """The need that is met the least."""

    bottleneck: str
    """`Need.what` of it."""
    used: float
    """Share of what is available; above 1, the asked rate cannot be reached."""
    rate: float
    """Images/s of each GPU at which all of it is used."""
    sentences: list[str]


def judge(cluster: ClusterConfig, needs: Sequence[Need]) -> Verdict:
    """Return what limits the plan asked about, after the first epoch."""
    most, *others = sorted((need for need in needs if need.limits), key=lambda need: -(need.used or 0))
    used, rate = most.used or 0, rate_of(most, cluster)
    name, asked, limit = _NAMES[most.what], f"{cluster.rate:,.6g}", format_number(rate)
    if used > 1:
        first = f"The bottleneck is {name}: it lets each GPU train on {limit} images/s at most, not the asked {asked}."
    else:
        first = (
            f"Nothing is short at {asked} images/s a GPU. Used most is {name}, to {share(used)}: "
            f"it would be the bottleneck from {limit} images/s a GPU on."
        )
    more = [*_advice(most, cluster, needs), *_short_too(others, cluster), *_of_the_disk(cluster, most, needs)]
    return Verdict(most.what, used, rate, [first, *more])


def rate_of(need: Need, cluster: ClusterConfig) -> float:
    """Return the images/s of each GPU for which there is enough: all needs but memory grow with the rate."""
    return cluster.rate / need.used if need.used else math.inf


def share(used: float) -> str:
    """Return a share in percent."""
    return f"{used:.0%}" if used >= 0.01 else "<1%"


def _advice(most: Need, cluster: ClusterConfig, needs: Sequence[Need]) -> list[str]:
    """Return what helps against the bottleneck at the asked rate; against one of a higher rate, what would."""
    parts = [need for need in needs if need.part] if most.what == "PCIe" else []
    ways = [
        f"{other.choice}, which needs {format_number(most.needed - part.needed + other.needed)} {other.unit}"
        for part in parts or [most]
        for other in needs
        if other.what == part.what and other.option == part.option and not other.chosen and other.needed < part.needed
    ]
    ways += _larger_batch(most, parts or [most], cluster)
    used = most.used or 0
    if most.what == "disk":
        memory = next(need for need in needs if need.what == "memory")
        ways.append(f"{format_number(memory.needed)} GB of memory, with which only the first epoch reads from the disk")
    more = f"{format_number(most.needed)} {most.unit}" if used > 1 else f"more {most.unit}"
    return [f"{'What helps' if used > 1 else 'What would help then'}: {', or '.join([*ways, f'{more} in each node'])}."]


def _larger_batch(most: Need, parts: Sequence[Need], cluster: ClusterConfig) -> list[str]:
    """Return the batch with which there is enough, if gradients take what is short, and any batch would do."""
    of_gradients = sum(part.needed for part in parts if part.option == "engine")
    room = (most.available or 0) - most.needed + of_gradients
    if not of_gradients or room <= 0:
        return []
    return [f"batch={math.ceil(of_gradients / room * cluster.batch)}" if (most.used or 0) > 1 else "a larger batch"]


def _short_too(others: Sequence[Need], cluster: ClusterConfig) -> list[str]:
    short = [need for need in others if (need.used or 0) > 1]
    limits = [f"{_NAMES[need.what]}, which is enough for {format_number(rate_of(need, cluster))}" for need in short]
    return [f"Short as well: {'; '.join(limits)} images/s a GPU."] if limits else []


def _of_the_disk(cluster: ClusterConfig, most: Need, needs: Sequence[Need]) -> list[str]:
    disk = next(need for need in needs if need.what == "disk")
    used, limit = disk.used or 0, format_number(rate_of(disk, cluster))
    if not disk.passing:
        return ["The records do not fit into a node's memory, so every epoch reads them from the disk."]
    if used > 1:
        return [f"In the first epoch, the disk lets only {limit} images/s a GPU through."]
    if used > (most.used or 0):
        return [f"In the first epoch it is the disk, to {share(used)}: up to {limit} images/s a GPU."]
    return []
