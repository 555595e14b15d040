"""A plan with all that it was made of, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from dali_ssd.bench.cluster.needs import Costs, Need
from dali_ssd.bench.cluster.options import ClusterConfig
from dali_ssd.bench.datasets import Description
from dali_ssd.bench.planning.verdict import Verdict
from dali_ssd.bench.results.summary import Spread
from dali_ssd.machine.describe import Machine
from dali_ssd.util.files import atomic_open

__all__ = ["Plan", "write_plan"]

_FORMAT = "dali-ssd plan 1"


@dataclass(frozen=True)
class Plan:
    """A plan, and what was measured, given and assumed for it."""

    command: list[str]
    """Command line of the measurement."""
    date: str
    """Start in ISO format with the time zone."""
    data_shape: int
    versions: dict[str, str]
    machine: Machine
    data: Description
    notes: list[str]
    """What may make the figures worth less, a line each."""
    measured: dict[str, Spread]
    """CPU milliseconds per image over the rounds: `host_ms` and `cpu_ms`."""
    plugin: bool
    """Whether `host_ms` is with the plugin."""
    costs: Costs
    cluster: ClusterConfig
    given: list[str]
    """Keys of the cluster that were given."""
    here: list[str]
    """Keys that were not, and have the value of this machine; all others are defaults."""
    needs: list[Need]
    verdict: Verdict


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan, whole or not at all."""
    needs = [{**asdict(need), "used": need.used} for need in plan.needs]
    with atomic_open(path, "w") as file:
        json.dump({"format": _FORMAT, **asdict(plan), "needs": needs}, file, indent=1)
        file.write("\n")
