"""What a node needs so that each of its GPUs trains at the asked rate: formulas, and the needs that they give.

Formulas are in float64, and in bytes, seconds and CPU seconds. They are the best case: nothing waits for anything else,
cores add up, and gradients travel while the GPUs compute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from dali_ssd.bench.cluster.options import ClusterConfig
from dali_ssd.config import PipelineConfig

__all__ = [
    "Costs",
    "Need",
    "batch_bytes",
    "busy_cores",
    "epochs_from_disk",
    "gradient_rate",
    "kept_bytes",
    "needs_of",
    "record_rate",
    "ring_bytes",
    "server_bytes",
]

_BYTES = {"float32": 4, "float16": 2}


@dataclass(frozen=True)
class Costs:
    """What images and the network cost: measured or counted on this machine, but for `batch_bytes`."""

    records: int
    record_bytes: float
    """Of a record on disk with its label and frame: the size of the shards over the number of records."""
    image_bytes: float
    """Of an encoded image, on average over a sample of the records."""
    batch_bytes: float
    """Of an image in a batch and its targets: computed, see `batch_bytes`."""
    host_ms: float
    """CPU milliseconds that the host takes for an image that a GPU decodes."""
    cpu_ms: float
    """CPU milliseconds for an image where the CPU does everything."""
    parameters: float
    """Parameters that have gradients; 0 where none are exchanged."""


@dataclass(frozen=True)
class Need:
    """What a node needs of one thing, and what it has."""

    what: Literal["disk", "memory", "cores", "PCIe", "network", "between GPUs"]
    unit: str
    needed: float
    available: float | None = None
    """None where nothing is assumed."""
    choice: str = ""
    """Part of `--plan` that it belongs to, such as `decode=gpu`; empty if to all plans."""
    chosen: bool = True
    """Whether the plan asked about has this choice."""
    passing: bool = False
    """Whether only the first epoch needs it."""
    part: bool = False
    """Whether it shares what is available with another: their sum is a need, too."""

    @property
    def used(self) -> float | None:
        """What is needed as a share of what is available."""
        return None if self.available is None else self.needed / self.available

    @property
    def option(self) -> str:
        """Key of its choice."""
        return self.choice.partition("=")[0]

    @property
    def limits(self) -> bool:
        """Whether it decides how fast the plan asked about can be after the first epoch."""
        counts = self.chosen and not self.passing and not self.part
        return counts and self.what != "memory" and self.available is not None


def record_rate(cluster: ClusterConfig, record_bytes: float) -> float:
    """Return the bytes/s of records that a node's processes read: from the disk, or from memory if they are there.

    Each process reads one record for each image that its GPU trains on: gpus x rate x bytes.
    """
    return cluster.gpus * cluster.rate * record_bytes


def epochs_from_disk(gpus: int, nodes: int) -> int:
    """Return the epochs after which a node has read all records once.

    An epoch is divided into a part for each process, and each takes the next part with each epoch (DALI's readers
    without `stick_to_shard`). So a node begins with `gpus` parts and sees one new part in each epoch.
    """
    return gpus * (nodes - 1) + 1


def kept_bytes(cluster: ClusterConfig, records: int, record_bytes: float) -> float:
    """Return the bytes of memory with which no record is read from the disk twice.

    All records in the page cache, since a node comes to read all; and those that each process shuffles
    (`PipelineConfig.initial_fill`, or its part of an epoch), which are copies. What else processes hold is not in it.
    """
    window = min(PipelineConfig.initial_fill, -(-records // (cluster.gpus * cluster.nodes)))
    return (records + cluster.gpus * window) * record_bytes


def busy_cores(cluster: ClusterConfig, milliseconds: float) -> float:
    """Return the cores that are busy if each image takes so many CPU milliseconds: gpus x rate x milliseconds / 1000.

    The utilization law: the mean number of busy servers is the rate times the time of service.
    """
    return cluster.gpus * cluster.rate * milliseconds / 1000


def batch_bytes(data_shape: int, anchors: int, pixels: Literal["float32", "float16"]) -> float:
    """Return the bytes of an image in a batch: `(3, S, S)` pixels, `(N,)` and `(N, 4)` float32 targets."""
    return 3 * data_shape**2 * _BYTES[pixels] + anchors * (1 + 4) * 4


def ring_bytes(processes: int, size: float) -> float:
    """Return the bytes that each of N processes sends, and receives, to sum arrays of `size` bytes over all.

    2 (N - 1) / N x size, of a ring: N - 1 steps that sum and N - 1 that spread, with an N-th of the array in each, the
    least of all algorithms (Patarasuk and Yuan, Bandwidth optimal all-reduce algorithms for clusters of workstations,
    2009). Processes of a node are neighbors in the ring, so each node's network carries this much, too.
    """
    return 2 * (processes - 1) / processes * size


def server_bytes(gpus: int, nodes: int, size: float) -> float:
    """Return the bytes that a node sends, and receives, for gradients of `size` bytes in a step of MXNet's dist_sync.

    Each process pushes gradients to the servers, of which each process has one, and pulls parameters: gpus x size each
    way. Arrays from MXNET_KVSTORE_BIGARRAY_BOUND (10^6) numbers on are split over all servers, so that the node's
    servers have about its share of all gradients and parameters: again gpus x size each way. 1 / nodes of both stays
    within the node: 2 x gpus x (nodes - 1) / nodes x size.
    """
    return 2 * gpus * (nodes - 1) / nodes * size


def gradient_rate(cluster: ClusterConfig, exchanged: float) -> float:
    """Return the bytes/s of so many bytes in each step: steps/s are rate / batch."""
    return cluster.rate / cluster.batch * exchanged


def needs_of(cluster: ClusterConfig, costs: Costs) -> list[Need]:
    """Return all needs, those of the plan asked about first; `cluster` has no zeros that stand for this machine."""
    needs = [*_of_records(cluster, costs), *_of_images(cluster, costs), *_of_gradients(cluster, costs)]
    choices = (f"decode={cluster.decode}", f"engine={cluster.engine}", "")
    needs = [replace(need, chosen=need.choice in choices) for need in needs]
    return sorted(_with_sum_of_bus(needs), key=lambda need: not need.chosen)


def _of_records(cluster: ClusterConfig, costs: Costs) -> list[Need]:
    records = cluster.images or costs.records
    memory = Need("memory", "GB", kept_bytes(cluster, records, costs.record_bytes) / 1e9, cluster.memory_gb)
    fits = memory.needed <= cluster.memory_gb
    needed = record_rate(cluster, costs.record_bytes) / 1e6
    return [Need("disk", "MB/s", needed, cluster.disk_mb_s, passing=fits), memory]


def _of_images(cluster: ClusterConfig, costs: Costs) -> list[Need]:
    needs = []
    for choice, milliseconds, size in (
        ("decode=gpu", costs.host_ms, costs.image_bytes),
        ("decode=cpu", costs.cpu_ms, costs.batch_bytes),
    ):
        needs.append(Need("cores", "cores", busy_cores(cluster, milliseconds), cluster.cores, choice))
        needs.append(Need("PCIe", "GB/s", cluster.rate * size / 1e9, cluster.pcie_gb_s, choice))
    return needs


def _of_gradients(cluster: ClusterConfig, costs: Costs) -> list[Need]:
    size, processes = costs.parameters * _BYTES[cluster.gradients], cluster.gpus * cluster.nodes
    ring = gradient_rate(cluster, ring_bytes(processes, size))
    servers = gradient_rate(cluster, server_bytes(cluster.gpus, cluster.nodes, size))
    needs = [Need("between GPUs", "GB/s", ring / 1e9, None, "engine=horovod")] if cluster.gpus > 1 else []
    if cluster.nodes > 1:
        for choice, rate in (("engine=horovod", ring), ("engine=kvstore", servers)):
            needs.append(Need("network", "Gbit/s", 8 * rate / 1e9, cluster.link_gbit_s, choice))
    if processes > 1:
        # What servers get passes through the host's memory, those of the same node included.
        to_host = gradient_rate(cluster, size)
        needs.append(Need("PCIe", "GB/s", to_host / 1e9, cluster.pcie_gb_s, "engine=kvstore"))
    return needs


def _with_sum_of_bus(needs: list[Need]) -> list[Need]:
    """Return the needs and, if images and parameters both go over a GPU's bus in the plan, the sum of the two."""
    bus = [need for need in needs if need.what == "PCIe" and need.chosen]
    if len(bus) < 2:
        return needs
    total = replace(bus[0], needed=sum(need.needed for need in bus), choice="")
    return [*(replace(need, part=True) if need in bus else need for need in needs), total]
