"""Advice on shards just below and just above each limit, and the numbers in it."""

from __future__ import annotations

from dataclasses import replace

from dali_ssd.config import PipelineConfig
from dali_ssd.inspection.advising.on_shards import advise_on_shards
from dali_ssd.inspection.report import Advice, ShardFacts
from tests.support.made_up import changed, said

MEBI, GIBI = 1 << 20, 1 << 30


def advice(*sizes: int, records: int = 6000, gpus: int = 1) -> dict[str, Advice]:
    shards = tuple(ShardFacts(f"{number}.rec", size, 10) for number, size in enumerate(sizes))
    grounds = changed(shards=shards, records=records)
    grounds = replace(grounds, config=replace(grounds.config, gpus=gpus))
    return {one.topic: one for one in advise_on_shards(grounds)}


def test_a_shard_of_more_than_four_gibibytes_is_large() -> None:
    assert not advice(4 * GIBI, 3 * GIBI)
    found = advice(4 * GIBI + 1, 3 * GIBI)["Large shards"]
    assert said(found.seen, "2 shards", "7.5 GB", "4.3 GB") and "939.5 MB" in found.do


def test_more_than_64_shards_are_small_below_16_mebibytes_in_the_mean() -> None:
    assert not advice(*[15 * MEBI] * 64) and not advice(*[16 * MEBI] * 65)
    found = advice(*[15 * MEBI] * 65)
    assert set(found) == {"Small shards"} and said(found["Small shards"].seen, "65 shards", "15.7 MB")


def test_shards_are_uneven_from_twice_the_smallest_on() -> None:
    assert not advice(10 * MEBI, 20 * MEBI) and not advice(20 * MEBI)
    assert set(advice(10 * MEBI, 20 * MEBI + 1)) == {"Uneven shards"}


def test_the_largest_shard_takes_as_long_as_it_is_larger_than_the_mean() -> None:
    found = advice(10 * MEBI, 10 * MEBI, 70 * MEBI)["Uneven shards"]
    assert said(found.seen, "73.4 MB", "10.5 MB") and " 2.3 times as long" in found.costs


def test_ten_batches_for_each_gpu_are_enough() -> None:
    assert PipelineConfig.batch_size == 32
    assert not advice(MEBI, records=3 * 320, gpus=3) and not advice(MEBI, records=10, gpus=1)
    found = advice(MEBI, records=3 * 320 - 1, gpus=3)["Few records per GPU"]
    assert said(found.seen, "959 records for 3 GPUs", "319 each", "10.0 batches of 32")
    assert "2 GPUs" in found.do
    assert "1 GPU." in advice(MEBI, records=100, gpus=3)["Few records per GPU"].do
