from __future__ import annotations

import mmap
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("mxnet")

from dali_ssd.bench.soak.faults import BAD, BROKEN_FRAME, UNUSUAL, Planted, plant
from dali_ssd.bench.soak.options import SoakConfig
from dali_ssd.bench.soak.run import Soaked
from dali_ssd.bench.soak.trend import Sample, growth, take_sample
from dali_ssd.errors import ConfigError
from dali_ssd.records.inspect import inspect_shards
from dali_ssd.synthetic import SHAPES


def test_all_faulty_options_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"batches must be greater than 0.*train_every must not be negative, not -1"):
        SoakConfig(batches=0, train_every=-1)


def test_growth_is_the_slope() -> None:
    flat = [Sample(batch, 500.0, 7) for batch in range(10, 410, 10)]
    assert growth(flat, "memory") == pytest.approx(0)
    leaking = [Sample(batch, 500 + 0.002 * batch, batch // 100) for batch in range(0, 4000, 10)]
    assert growth(leaking, "memory") == pytest.approx(2)
    assert growth(leaking, "files") == pytest.approx(10, rel=0.01)


def test_growth_counts_after_the_settling() -> None:
    samples = [Sample(batch, 400.0 + min(batch, 100), 7) for batch in range(10, 410, 10)]
    result = Soaked(SoakConfig(settling=100), Planted((), {}, {}, frozenset()), batches=400, samples=samples)
    assert not result.not_measured
    assert result.failures == []
    assert replace(result, config=SoakConfig(settling=50)).failures != []


def test_growth_over_less_than_the_settling_is_not_measured() -> None:
    samples = [Sample(batch, 400.0 + batch, 7) for batch in range(10, 400, 10)]
    result = Soaked(SoakConfig(settling=200), Planted((), {}, {}, frozenset()), batches=399, samples=samples)
    assert result.failures == []
    assert result.not_measured == "growth is not measured in fewer than 400 batches (twice `--settling`)"


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples_show_no_growth(count: int) -> None:
    assert growth([Sample(100, 500.0, 7)] * count, "memory") == 0


def test_sample_sees_memory_and_files(tmp_path: Path) -> None:
    before = take_sample(0)
    # Pages of its own: an allocator may hand out again what another test has freed.
    with open(tmp_path / "file", "wb"), mmap.mmap(-1, 50_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        held.write(b"\1" * len(held))
        now = take_sample(1)
    assert now.files == before.files + 1
    assert now.memory - before.memory == pytest.approx(50, abs=10)


def test_the_linter_finds_all_that_is_planted_and_nothing_else(tmp_path: Path) -> None:
    planted = plant(tmp_path, 60, 1, seed=1)
    assert sorted(planted.bad.values()) == sorted([*BAD, BROKEN_FRAME])
    assert sorted(planted.unusual.values()) == sorted(UNUSUAL)
    assert len(planted.good) + len(planted.bad) == 60
    checked = inspect_shards(planted.shards, num_classes=len(SHAPES), decoders=("dali",))
    kept = checked.without_bad(1)
    places = [kept.place(number) for number in range(len(kept))]
    assert {(place.shard.name, place.key) for place in places if place.shard} == planted.good


def test_bad_record_that_gets_in_is_a_failure() -> None:
    planted = Planted((), {("a.rec", 1): "no image"}, {}, frozenset({("a.rec", 0)}))
    fine = Soaked(SoakConfig(), planted, records=1, batches=1, delivered={("a.rec", 0)})
    assert fine.failures == []
    fine.delivered.add(("a.rec", 1))
    assert fine.failures == ["1 bad record delivered: no image"]


def test_good_record_that_never_comes_is_a_failure() -> None:
    planted = Planted((), {}, {}, frozenset({("a.rec", 0), ("a.rec", 1)}))
    result = Soaked(SoakConfig(), planted, records=2, batches=100, delivered={("a.rec", 0)})
    assert result.failures == ["1 good record never delivered"]
