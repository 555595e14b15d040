"""A plan that is made of chosen numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dali_ssd.bench.cluster.needs import Costs, needs_of
from dali_ssd.bench.cluster.options import given_in, read_cluster
from dali_ssd.bench.datasets import Description
from dali_ssd.bench.planning.record import Plan
from dali_ssd.bench.planning.verdict import judge
from dali_ssd.bench.results.summary import Spread
from dali_ssd.machine.describe import Machine
from tests.support.costs import COSTS


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    """Makes a plan from its text, of nodes with 16 cores and 20 GB if it does not say otherwise."""

    def make(text: str, costs: Costs = COSTS, plugin: bool = True) -> Plan:
        asked = read_cluster(text)
        cluster = replace(asked, cores=asked.cores or 16, memory_gb=asked.memory_gb or 20.0)
        needs = needs_of(cluster, costs)
        return Plan(
            command=["dali-ssd", "bench", "a.rec", "--plan", text],
            date="2024-01-01T00:00:00+00:00",
            data_shape=300,
            versions={"dali_ssd": "0.1.0"},
            machine=Machine("A CPU", 2, 24.0, 0.5, "Linux"),
            data=Description(["a.rec"], 100_000, 640.0, 480.0, 7.0, 140.0),
            notes=[] if plugin else ["without the plugin: no nvcc"],
            measured={"host_ms": Spread(costs.host_ms, 0.04, 0.06), "cpu_ms": Spread(costs.cpu_ms, 1.4, 1.6)},
            plugin=plugin,
            costs=costs,
            cluster=cluster,
            given=list(given_in(text)),
            here=[key for key in ("cores", "memory_gb") if getattr(asked, key) == 0],
            needs=needs,
            verdict=judge(cluster, needs),
        )

    return make
