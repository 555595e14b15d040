"""Each formula against numbers worked out by hand, and the parts of an epoch against DALI's reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.anchors import vgg_anchors
from dali_ssd.bench.cluster.needs import (
    Costs,
    Need,
    batch_bytes,
    busy_cores,
    epochs_from_disk,
    gradient_rate,
    kept_bytes,
    needs_of,
    record_rate,
    ring_bytes,
    server_bytes,
)
from dali_ssd.bench.cluster.options import ClusterConfig
from dali_ssd.loader import TrainLoader
from dali_ssd.synthetic import write_shapes
from tests.support.costs import COSTS

EIGHT = ClusterConfig(1000.0, gpus=8, nodes=4, batch=50, cores=16, memory_gb=20.0)


def test_records_come_as_fast_as_gpus_train() -> None:
    assert record_rate(EIGHT, 150_000.0) == 1.2e9  # 8 GPUs x 1000/s x 150 kB


def test_all_records_and_what_is_shuffled_are_kept() -> None:
    # 100,000 records, and in each of 8 processes 2,048 copies: an epoch gives it 100,000 / 32 = 3,125
    assert kept_bytes(EIGHT, 100_000, 150_000.0) == (100_000 + 8 * 2048) * 150_000.0
    # of 1,000 records it gives 31.25, so up to 32
    assert kept_bytes(EIGHT, 1000, 10.0) == (1000 + 8 * 32) * 10.0


def test_cores_are_the_rate_times_the_time_of_an_image() -> None:
    assert busy_cores(EIGHT, 1.5) == pytest.approx(12.0, rel=1e-15)  # 8,000 images/s x 1.5 ms


def test_a_batch_has_pixels_and_targets() -> None:
    # 3 x 300 x 300 = 270,000 numbers; 8,732 anchors with a class and four offsets are 43,660
    assert batch_bytes(300, 8732, "float32") == 4 * 270_000 + 4 * 43_660 == 1_254_640
    assert batch_bytes(300, 8732, "float16") == 2 * 270_000 + 4 * 43_660


@pytest.mark.parametrize("pixels", ["float32", "float16"])
def test_a_batch_is_as_large_as_the_loaders(pixels: Any, shapes: Path) -> None:
    anchors = vgg_anchors(300)
    with TrainLoader(shapes, anchors=anchors[None], batch_size=4, framework="dlpack", dtype=pixels) as loader:
        batch = next(iter(loader))
        size = sum(np.asarray(array).nbytes for part in batch for array in part)
    assert size == 4 * batch_bytes(300, len(anchors), pixels)


def test_a_ring_sends_what_its_steps_do() -> None:
    """N - 1 steps that sum and N - 1 that spread, with one of N parts in each."""
    for processes in (1, 2, 3, 64):
        parts = np.full(processes, 1e8 / processes)
        steps = sum(float(parts[step % processes]) for step in range(2 * (processes - 1)))
        assert ring_bytes(processes, 1e8) == pytest.approx(steps, rel=1e-12)
    assert ring_bytes(2, 1e8) == 1e8
    assert ring_bytes(64, 1e8) == 196_875_000.0


@pytest.mark.parametrize(("gpus", "nodes"), [(1, 1), (8, 1), (1, 2), (2, 2), (8, 8)])
def test_servers_get_what_every_process_sends_to_every_server(gpus: int, nodes: int) -> None:
    """Count each message between a process and a server of another node."""
    processes, size = gpus * nodes, 1e8
    node = np.arange(processes) // gpus
    sent = 0.0
    for worker in range(processes):
        for server in range(processes):
            if node[worker] != node[server]:
                # the first node's workers push gradients, its servers send parameters
                sent += size / processes * (node[worker] == 0)
                sent += size / processes * (node[server] == 0)
    assert server_bytes(gpus, nodes, size) == pytest.approx(sent, rel=1e-12)


def test_gradients_travel_in_each_step() -> None:
    assert gradient_rate(EIGHT, 1e8) == 2e9  # 20 steps/s


def needs(cluster: ClusterConfig = EIGHT, costs: Costs = COSTS) -> dict[tuple[str, str], Need]:
    return {(need.what, need.choice): need for need in needs_of(cluster, costs)}


def test_all_needs_of_a_node() -> None:
    found = needs()
    expected: dict[tuple[str, str], tuple[float, str]] = {
        ("disk", ""): (1200.0, "MB/s"),
        ("memory", ""): (17.4576, "GB"),
        ("cores", "decode=gpu"): (0.4, "cores"),  # 8,000 images/s x 0.05 ms
        ("cores", "decode=cpu"): (12.0, "cores"),
        ("PCIe", "decode=gpu"): (0.14, "GB/s"),  # of one GPU
        ("PCIe", "decode=cpu"): (1.25464, "GB/s"),
        # 25 million float32 are 100 MB, 20 times a second: 2 GB/s, times 2 x 31 / 32, times 2 x 8 x 3 / 4
        ("between GPUs", "engine=horovod"): (3.875, "GB/s"),
        ("network", "engine=horovod"): (31.0, "Gbit/s"),
        ("network", "engine=kvstore"): (192.0, "Gbit/s"),
        ("PCIe", "engine=kvstore"): (2.0, "GB/s"),
    }
    assert {key: need.unit for key, need in found.items()} == {key: unit for key, (_, unit) in expected.items()}
    for key, (needed, _) in expected.items():
        assert found[key].needed == pytest.approx(needed, rel=1e-12), key


def test_the_choices_of_the_plan_come_first() -> None:
    found = needs_of(ClusterConfig(1000.0, gpus=2, nodes=2, decode="cpu", engine="kvstore", cores=2), COSTS)
    chosen = [need.choice for need in found if need.chosen]
    assert [need.chosen for need in found] == [True] * 7 + [False] * 4
    assert set(chosen) == {"", "decode=cpu", "engine=kvstore"}


def test_half_the_gradients_take_half_the_network() -> None:
    half = ClusterConfig(1000.0, gpus=8, nodes=4, batch=50, cores=16, gradients="float16")
    assert needs(half)["network", "engine=horovod"].needed == pytest.approx(15.5, rel=1e-12)


def test_one_node_has_no_network_and_one_gpu_no_gradients() -> None:
    node = {what for what, _ in needs(ClusterConfig(1000.0, gpus=8, cores=1))}
    assert node == {"disk", "memory", "cores", "PCIe", "between GPUs"}
    assert {what for what, _ in needs(ClusterConfig(1000.0, cores=1))} == {"disk", "memory", "cores", "PCIe"}


def test_gradients_of_a_kvstore_go_through_the_host_of_one_node_too() -> None:
    # 25 million float32, 1000 / 50 times a second
    one_node = needs(ClusterConfig(1000.0, gpus=8, batch=50, cores=1))
    assert one_node["PCIe", "engine=kvstore"].needed == pytest.approx(2.0, rel=1e-12)
    assert ("PCIe", "engine=kvstore") not in needs(ClusterConfig(1000.0, batch=50, cores=1))


def test_images_and_gradients_share_the_bus() -> None:
    found = needs(replace(EIGHT, engine="kvstore"))
    total, images, gradients = (found["PCIe", key] for key in ("", "decode=gpu", "engine=kvstore"))
    assert total.needed == pytest.approx(0.14 + 2.0, rel=1e-12)
    assert total.used == pytest.approx(2.14 / 25, rel=1e-12)
    assert [need.limits for need in (total, images, gradients)] == [True, False, False]
    assert found["PCIe", "decode=cpu"].part is False
    assert ("PCIe", "") not in needs() and needs()["PCIe", "decode=gpu"].limits


@pytest.mark.parametrize(("memory", "passing"), [(17.4576, True), (17.4575, False)])
def test_the_disk_is_read_in_every_epoch_unless_the_records_fit_into_memory(memory: float, passing: bool) -> None:
    cluster = ClusterConfig(1000.0, gpus=8, nodes=4, cores=1, memory_gb=memory)
    assert needs(cluster)["disk", ""].passing is passing
    assert needs(cluster)["disk", ""].limits is not passing


def test_a_sample_stands_for_a_larger_data_set() -> None:
    whole = ClusterConfig(1000.0, gpus=8, nodes=4, cores=1, memory_gb=20.0, images=1_000_000)
    assert needs(whole)["memory", ""].needed == pytest.approx((1_000_000 + 8 * 2048) * 150_000 / 1e9)
    assert needs(whole)["disk", ""].needed == needs()["disk", ""].needed
    assert not needs(whole)["disk", ""].passing


def test_what_is_used_is_the_need_over_what_there_is() -> None:
    assert needs()["cores", "decode=gpu"].used == pytest.approx(0.4 / 16)
    assert needs()["between GPUs", "engine=horovod"].used is None
    assert not needs()["between GPUs", "engine=horovod"].limits
    assert not needs()["memory", ""].limits


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path,) = write_shapes(tmp_path_factory.mktemp("cluster"), "a", 24, seed=1)
    return path


@pytest.mark.parametrize(("gpus", "nodes"), [(1, 3), (2, 2), (3, 1), (2, 3)])
def test_a_node_has_read_all_records_after_so_many_epochs(gpus: int, nodes: int, shapes: Path) -> None:
    """By the loaders of the first node's processes, which leave no record over."""
    processes = gpus * nodes
    loaders = [
        TrainLoader(
            shapes,
            anchors=vgg_anchors(300)[None],
            batch_size=24 // processes,
            framework="dlpack",
            world_size=processes,
            rank=rank,
            num_threads=1,
        )
        for rank in range(gpus)
    ]
    seen: set[Any] = set()
    counts = []
    for _ in range(epochs_from_disk(gpus, nodes)):
        seen.update(record for loader in loaders for record in _epoch(loader))
        counts.append(len(seen))
    for loader in loaders:
        loader.close()
    part = 24 // processes
    assert counts == [part * (gpus + epoch) for epoch in range(len(counts))]
    assert counts[-1] == 24


def _epoch(loader: TrainLoader) -> Iterator[Any]:
    for batch in loader:
        yield from ((place.shard, place.key) for place in batch.records())
