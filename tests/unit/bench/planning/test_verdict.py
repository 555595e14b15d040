from __future__ import annotations

from collections.abc import Callable

import pytest

from dali_ssd.bench.planning.record import Plan

MakePlan = Callable[..., Plan]


def test_what_is_used_most_is_the_bottleneck_of_a_higher_rate(make_plan: MakePlan) -> None:
    verdict = make_plan("gpus=8,nodes=4,batch=50,rate=1000").verdict
    # the network: 31 of 100 Gbit/s; cores: 0.4 of 16; the disk, in the first epoch alone: 1,200 of 2,000 MB/s
    assert verdict.bottleneck == "network"
    assert verdict.used == pytest.approx(0.31)
    assert verdict.rate == pytest.approx(1000 / 0.31)
    assert verdict.sentences == [
        "Nothing is short at 1,000 images/s a GPU. Used most is the network, to 31%: it would be the bottleneck from "
        "3,230 images/s a GPU on.",
        "What would help then: a larger batch, or more Gbit/s in each node.",
        "In the first epoch it is the disk, to 60%: up to 1,670 images/s a GPU.",
    ]


def test_what_is_short_is_the_bottleneck(make_plan: MakePlan) -> None:
    verdict = make_plan("gpus=8,nodes=4,batch=50,rate=1527,link_gbit_s=25").verdict
    assert verdict.bottleneck == "network"
    assert verdict.rate == pytest.approx(1000 * 25 / 31)
    assert verdict.sentences == [
        "The bottleneck is the network: it lets each GPU train on 806 images/s at most, not the asked 1,527.",
        "What helps: batch=95, or 47.3 Gbit/s in each node.",  # 31 Gbit/s x 1.527; 50 x 47.337 / 25 = 94.67
        # The disk, used to 92% in the first epoch, is not worth a word beside it.
    ]


def test_the_batch_that_helps_is_enough(make_plan: MakePlan) -> None:
    assert make_plan("gpus=8,nodes=4,batch=95,rate=1527,link_gbit_s=25").verdict.used <= 1
    assert make_plan("gpus=8,nodes=4,batch=94,rate=1527,link_gbit_s=25").verdict.used > 1


def test_another_choice_that_needs_less_is_named(make_plan: MakePlan) -> None:
    cores = make_plan("gpus=8,rate=2000,decode=cpu").verdict
    assert cores.bottleneck == "cores"
    assert cores.sentences[1] == "What helps: decode=gpu, which needs 0.80 cores, or 24.0 cores in each node."
    servers = make_plan("gpus=8,nodes=4,batch=50,rate=1000,engine=kvstore").verdict
    assert servers.sentences[1].startswith("What helps: engine=horovod, which needs 31.0 Gbit/s, or batch=96, or ")
    ring = make_plan("gpus=1,nodes=2,batch=1,rate=1000").verdict  # one process a node: servers get no more
    assert "kvstore" not in " ".join(ring.sentences)


def test_all_that_is_short_is_named(make_plan: MakePlan) -> None:
    verdict = make_plan("gpus=8,nodes=4,batch=50,rate=1000,decode=cpu,cores=2,link_gbit_s=25").verdict
    assert verdict.bottleneck == "cores"  # 12 of 2
    assert "Short as well: the network, which is enough for 806 images/s a GPU." in verdict.sentences


def test_a_disk_that_is_read_in_every_epoch_may_be_the_bottleneck(make_plan: MakePlan) -> None:
    verdict = make_plan("gpus=8,nodes=4,batch=50,rate=1000,disk_mb_s=600,memory_gb=10").verdict
    assert verdict.bottleneck == "disk"
    assert verdict.rate == pytest.approx(500)
    assert verdict.sentences[1:] == [
        "What helps: 17.5 GB of memory, with which only the first epoch reads from the disk, or 1,200 MB/s in each "
        "node.",
        "The records do not fit into a node's memory, so every epoch reads them from the disk.",
    ]


def test_a_disk_that_only_the_first_epoch_needs_is_not(make_plan: MakePlan) -> None:
    verdict = make_plan("gpus=8,nodes=4,batch=50,rate=1000,disk_mb_s=600").verdict
    assert verdict.bottleneck == "network"
    assert verdict.sentences[-1] == "In the first epoch, the disk lets only 500 images/s a GPU through."


def test_a_disk_that_is_used_less_is_not_worth_a_word(make_plan: MakePlan) -> None:
    assert "disk" not in " ".join(make_plan("gpus=8,nodes=4,batch=50,rate=1000,disk_mb_s=6000").verdict.sentences)


def test_a_bus_may_be_the_bottleneck(make_plan: MakePlan) -> None:
    verdict = make_plan("rate=1000,decode=cpu,cores=99,pcie_gb_s=1").verdict
    assert verdict.bottleneck == "PCIe"
    assert "decode=gpu, which needs 0.14 GB/s" in verdict.sentences[1]


def test_images_and_gradients_use_a_bus_together(make_plan: MakePlan) -> None:
    # 2 GB/s of gradients with 50 images a step, and 0.14 of JPEGs or 1.25464 of batches: each alone fits into 2.5
    enough = make_plan("gpus=8,batch=50,rate=1000,engine=kvstore,pcie_gb_s=2.5").verdict
    assert enough.bottleneck == "PCIe"
    assert enough.used == pytest.approx(2.14 / 2.5)
    assert enough.sentences[1] == "What would help then: a larger batch, or more GB/s in each node."
    short = make_plan("gpus=8,batch=50,rate=1000,engine=kvstore,decode=cpu,pcie_gb_s=2.5").verdict
    assert short.rate == pytest.approx(1000 * 2.5 / 3.25464)
    # 2 x 50 / 81 GB/s + 1.25464 are 2.489
    ways = "decode=gpu, which needs 2.14 GB/s, or batch=81, or 3.25 GB/s in each node"
    assert short.sentences[1] == f"What helps: {ways}."


def test_no_batch_helps_where_images_alone_fill_the_bus(make_plan: MakePlan) -> None:
    verdict = make_plan("gpus=8,batch=50,rate=1000,engine=kvstore,decode=cpu,pcie_gb_s=1").verdict
    assert verdict.sentences[1] == "What helps: decode=gpu, which needs 2.14 GB/s, or 3.25 GB/s in each node."


def test_shares_below_one_percent_are_not_called_nothing(make_plan: MakePlan) -> None:
    assert "to <1%" in make_plan("rate=1").verdict.sentences[0]
