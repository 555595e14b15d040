"""`TrainLoader` and `ValLoader` on one device and on two, which stand in for GPUs."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.config import AugmentConfig
from dali_ssd.errors import ConfigError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label
from tests.support.loaders import COUNT, ONE, TWO, as_numpy, keys, same, train, val, values
from tests.support.paths import ROOT
from tests.support.pipes import ANCHORS
from tests.support.shards import encoded, write, write_random


@pytest.mark.parametrize("ctx", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize(("layout", "dtype"), [("NCHW", "float32"), ("NHWC", "float16")])
def test_shapes_types_and_devices(shards: str, ctx: list[Any], layout: str, dtype: str) -> None:
    each = 4 // len(ctx)
    for batch in train(shards, ctx=ctx, layout=layout, dtype=dtype):
        assert len(batch.data) == len(batch.cls_targets) == len(batch.box_targets) == len(ctx)
        for data, classes, offsets in zip(*batch, strict=True):
            assert data.shape == ((each, 3, 64, 64) if layout == "NCHW" else (each, 64, 64, 3))
            assert data.dtype == np.dtype(dtype)
            assert classes.shape == (each, len(ANCHORS)) and offsets.shape == (each, len(ANCHORS), 4)
            assert classes.dtype == offsets.dtype == np.float32


def test_a_batch_unpacks_and_indexes(shards: str) -> None:
    batch = next(iter(train(shards)))
    data, cls_targets, box_targets = batch
    assert data is batch[0] is batch.data
    assert cls_targets is batch[1] is batch.cls_targets
    assert box_targets is batch[2] is batch.box_targets
    assert len(batch) == 3
    with pytest.raises(IndexError):
        batch[3]


def test_arrays_stay_as_they_are_when_more_batches_come(shards: str) -> None:
    loader = train(shards)
    batches = [batch for _ in range(2) for batch in loader]
    copies = [values(batch) for batch in batches]
    for _ in range(4):
        list(loader)
    loader.close()
    del loader
    for batch, copy in zip(batches, copies, strict=True):
        for array, before in zip(values(batch), copy, strict=True):
            np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize(("batch_size", "batches"), [(1, 10), (3, 3), (4, 2), (10, 1), (32, 1)])
def test_length(shards: str, batch_size: int, batches: int) -> None:
    loader = train(shards, batch_size=batch_size)
    assert loader.num_records == COUNT
    assert len(loader) == batches == sum(1 for _ in loader)


@pytest.mark.parametrize("ctx", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("initial_fill", [1, 4096])
def test_epochs_roll_over_and_no_record_is_dropped(shards: str, ctx: list[Any], initial_fill: int) -> None:
    """Ten records in batches of four: epochs of two, three, two and three batches are four passes."""
    loader = train(shards, ctx=ctx, initial_fill=initial_fill)
    seen: Counter[int] = Counter()
    for epoch, batches in enumerate((2, 3, 2, 3)):
        assert loader.epoch == epoch
        assert len(loader) == batches
        for batch in loader:
            seen.update(keys(batch.records()))
    assert seen == {key: 4 for key in range(COUNT)}


def test_each_pass_is_shuffled_anew(shards: str) -> None:
    loader = train(shards, batch_size=10)
    orders = [tuple(keys(batch.records())) for _ in range(4) for batch in loader]
    assert all(sorted(order) == list(range(COUNT)) for order in orders)
    assert len(set(orders)) == 4 and tuple(range(COUNT)) not in orders


def test_each_device_has_records_of_its_own_in_a_pass(tmp_path: Path) -> None:
    paths = write_random(tmp_path, 12)
    loader = train(paths, ctx=TWO)
    for _ in range(3):
        parts: tuple[set[int], set[int]] = (set(), set())
        for batch in loader:
            found = keys(batch.records())
            parts[0].update(found[:2])
            parts[1].update(found[2:])
        assert len(parts[0]) == len(parts[1]) == 6
        assert parts[0] | parts[1] == set(range(12))


def test_the_devices_change_parts_with_each_pass(tmp_path: Path) -> None:
    """Otherwise a device, and its batch normalization, would only ever see half of the data."""
    loader = train(write_random(tmp_path, 12), ctx=TWO, initial_fill=1)
    first = [{key for batch in loader for key in keys(batch.records())[:2]} for _ in range(2)]
    assert first[0] | first[1] == set(range(12))


def test_two_pipelines_take_turns_with_many_batches(tmp_path: Path) -> None:
    """Each has a half of the records in a pass, and the other half in the next."""
    loader = train(write_random(tmp_path, 48))
    epochs = [[set(keys(batch.records())) for batch in loader] for _ in range(2)]
    halves = [[set().union(*epoch[group::2]) for group in range(2)] for epoch in epochs]
    assert halves == [[set(range(24)), set(range(24, 48))], [set(range(24, 48)), set(range(24))]]
    assert all(len(batch) == 4 for epoch in epochs for batch in epoch)


@pytest.mark.parametrize("ctx", [ONE, TWO], ids=["one", "two"])
def test_pipelines_that_take_turns_drop_no_record(tmp_path: Path, ctx: list[Any]) -> None:
    """Fifty records in batches of four: epochs of 12, 13, 12 and 13 batches are four passes."""
    loader = train(write_random(tmp_path, 50), ctx=ctx)
    assert [sum(1 for _ in loader) for _ in range(4)] == [12, 13, 12, 13]
    seen = Counter(key for _ in range(4) for batch in loader for key in keys(batch.records()))
    assert seen == {key: 4 for key in range(50)}


@pytest.mark.parametrize("ctx", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("count", [COUNT, 200])
def test_one_seed_makes_identical_batches(tmp_path: Path, count: int, ctx: list[Any]) -> None:
    """Whatever the number of threads."""
    shards = write_random(tmp_path, count)
    loaders = [train(shards, ctx=ctx, seed=5, batch_size=count // 12 or 4, num_threads=threads) for threads in (2, 8)]
    for _ in range(3):
        for first, second in zip(*loaders, strict=True):
            assert same(first, second)
            assert first.records() == second.records()


def test_another_seed_makes_others(shards: str) -> None:
    first, second = (next(iter(train(shards, seed=seed))) for seed in (5, 6))
    assert not same(first, second)


def test_devices_draw_different_numbers(tmp_path: Path) -> None:
    """One and the same image for both: the views must differ."""
    rng = np.random.default_rng(0)
    label, payload = (
        np.array([2, 5, 0, 0.2, 0.2, 0.8, 0.8], np.float32),
        encoded(rng.integers(0, 256, (50, 60, 3)).astype(np.uint8)),
    )
    batch = next(iter(train(write(tmp_path, [(label, payload)] * 8), ctx=TWO)))
    assert not np.array_equal(as_numpy(batch.data[0]), as_numpy(batch.data[1]))


def test_records_name_shard_key_and_byte(shards: str) -> None:
    dataset = open_dataset(shards)
    known = {dataset.place(i) for i in range(len(dataset))}
    for batch in train(shards):
        places = batch.records()
        assert len(places) == 4 and set(places) <= known


def test_augmentation_can_be_turned_off(shards: str) -> None:
    still = AugmentConfig(
        color_probability=0, expand_probability=0, mirror_probability=0, crop_min_iou=(), interpolations=("linear",)
    )
    dataset = open_dataset(shards)
    with_objects = {i for i in range(COUNT) if len(parse_label(dataset.read(i)[0].label))}
    epochs = []
    for seed in (1, 2):
        (batch,) = train(shards, augment=still, batch_size=COUNT, seed=seed)
        epochs.append(dict(zip(keys(batch.records()), as_numpy(batch.data[0]), strict=True)))
    assert with_objects
    for i in with_objects:  # an image without objects is cropped all the same, as GluonCV does it
        key = dataset.place(i).key
        assert key is not None
        np.testing.assert_array_equal(epochs[0][key], epochs[1][key])


def test_stats_count_batches_and_time(shards: str) -> None:
    loader = train(shards)
    for number, _ in enumerate(loader, start=1):
        assert loader.stats.batches == number
        assert 0 < loader.stats.waited <= loader.stats.total
        assert 0 < loader.stats.waited_share <= 1


def test_a_closed_loader_has_no_state(shards: str) -> None:
    with train(shards) as loader:
        next(iter(loader))
    with pytest.raises(ConfigError, match="closed"):
        loader.state_dict()


def test_a_cache_that_has_become_read_only_serves_what_it_has(
    shards: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path))
    train(shards).close()

    def refuse(*_: object) -> None:
        raise AssertionError("written again")

    monkeypatch.setattr("dali_ssd.util.files.replace", refuse)
    train(shards).close()


@pytest.mark.parametrize("make", [train, val])
def test_a_closed_loader_says_so(shards: str, make: Any) -> None:
    with make(shards) as loader:
        batch = next(iter(loader))
    with pytest.raises(ConfigError, match="closed"):
        next(iter(loader))
    assert np.isfinite(as_numpy(batch.data[0])).all()
    loader.close()


def test_many_loaders_at_once_do_not_meet(shards: str) -> None:
    alone = [values(batch) for batch in train(shards, seed=3)]
    loaders = [train(shards, seed=3) for _ in range(4)] + [val(shards) for _ in range(2)]
    for number, batches in enumerate(zip(*loaders, strict=False)):
        for batch in batches[:4]:
            assert all(np.array_equal(a, b) for a, b in zip(values(batch), alone[number], strict=True))
    assert number == len(alone) - 1


PROGRAM = """
import sys, zlib, numpy as np
from dali_ssd import TrainLoader
from tests.support.loaders import FRAMEWORK, as_numpy
from tests.support.pipes import ANCHORS
options = {"batch_size": 4, "data_shape": 64, "num_threads": 2, "framework": FRAMEWORK}
loader = TrainLoader(sys.argv[1], anchors=ANCHORS, seed=11, **options)
print(zlib.crc32(b"".join(as_numpy(array).tobytes() for batch in loader for part in batch for array in part)))
"""


def test_processes_beside_each_other_get_the_same(tmp_path: Path) -> None:
    """Each builds the index that is missing; neither disturbs the other."""
    (path,) = write_random(tmp_path, COUNT)
    path.with_suffix(".idx").unlink()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert len({output for output, _ in outputs}) == 1


def test_old_names_of_rank_and_world_size_work_and_say_so(shards: str) -> None:
    with pytest.warns(DeprecationWarning) as caught:
        old = train(shards, num_shards=2, shard_id=1)
    assert sorted(str(one.message) for one in caught) == [
        "num_shards is deprecated; use world_size instead",
        "shard_id is deprecated; use rank instead",
    ]
    assert all(one.filename == train.__code__.co_filename for one in caught)
    with old, train(shards, world_size=2, rank=1) as new:
        for one, other in zip(old, new, strict=True):
            assert same(one, other)
