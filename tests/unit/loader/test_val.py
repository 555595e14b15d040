"""Validation batches: every record once, in the order of the files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.errors import ConfigError, DatasetError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label
from tests.support.loaders import COUNT, ONE, TWO, as_numpy, contexts, keys, same, val, values
from tests.support.shards import write_random


@pytest.mark.parametrize("ctx", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("count", [2, 7, 8, 9, 10])
@pytest.mark.parametrize("batch_size", [2, 4, 6, 40])
def test_validation_yields_every_record_once(tmp_path: Path, ctx: list[Any], count: int, batch_size: int) -> None:
    dataset = open_dataset(list(write_random(tmp_path, count, num_shards=2)))
    loader = val(list(dataset.shards), ctx=ctx, batch_size=batch_size)
    for _ in range(2):
        batches = list(loader)
        assert len(batches) == len(loader)
        seen: list[int] = []
        for batch in batches:
            places, lengths = batch.records(), [len(data) for data in batch.data]
            assert lengths == [len(labels) for labels in batch.labels]
            assert sum(lengths) == len(places) and max(lengths) <= batch_size // len(ctx) and min(lengths) > 0
            seen += keys(places)
        assert sorted(seen) == list(range(count))


def test_validation_labels_are_those_of_the_records(shards: str) -> None:
    dataset = open_dataset(shards)
    by_key = {dataset.place(i).key: parse_label(dataset.read(i)[0].label) for i in range(len(dataset))}
    for batch in val(shards):
        data, labels = batch
        assert data is batch[0] and labels is batch[1] and len(batch) == 2
        for key, rows in zip(keys(batch.records()), as_numpy(labels[0]), strict=True):
            wanted = by_key[key]
            np.testing.assert_allclose(rows[: len(wanted), :4], wanted.boxes * 64, rtol=1e-5)
            np.testing.assert_array_equal(rows[: len(wanted), 4], wanted.class_ids)
            assert (rows[len(wanted) :] == -1).all()


def test_validation_is_in_file_order_and_the_same_each_time(shards: str) -> None:
    dataset, loader = open_dataset(shards), val(shards)
    wanted = [dataset.place(i) for i in range(len(dataset))]
    first, second = list(loader), list(loader)
    assert [place for batch in first for place in batch.records()] == wanted
    assert all(same(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("ctx", [ONE, TWO], ids=["one", "two"])
def test_a_validation_that_was_broken_off_begins_anew(shards: str, ctx: list[Any]) -> None:
    loader = val(shards, ctx=ctx)
    next(iter(loader))
    for _ in range(2):
        assert sorted(key for batch in loader for key in keys(batch.records())) == list(range(COUNT))


def test_an_iteration_ends_with_an_error_when_a_later_one_begins(shards: str) -> None:
    """It could only miss records, and count those of the later one as its own."""
    loader = val(shards)
    earlier = iter(loader)
    next(earlier)
    later = iter(loader)
    seen = keys(next(later).records())
    with pytest.raises(ConfigError, match="a later one has begun, from the first record"):
        next(earlier)
    seen += [key for batch in later for key in keys(batch.records())]
    assert sorted(seen) == list(range(COUNT))
    ended = iter(loader)
    next(ended)
    list(loader)
    with pytest.raises(ConfigError, match="a later one has begun"):
        next(ended)


def test_an_iteration_has_begun_before_its_first_batch(shards: str) -> None:
    loader = val(shards)
    earlier, later = iter(loader), iter(loader)
    next(later)
    with pytest.raises(ConfigError, match="a later one has begun"):
        next(earlier)
    next(later)


def test_an_iteration_ends_with_an_error_when_the_loader_is_closed(shards: str) -> None:
    loader = val(shards)
    batches = iter(loader)
    next(batches)
    loader.close()
    with pytest.raises(ConfigError, match="the loader is closed"):
        next(batches)


def of_ranks(shards: str, size: int, devices: int, batch_size: int) -> list[Any]:
    ctx = contexts(devices)
    return [val(shards, ctx=ctx, batch_size=batch_size, world_size=size, rank=rank) for rank in range(size)]


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("batch_size", [2, 4, 40])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_all_ranks_together_have_every_record_once_and_in_order(
    shards: str, size: int, batch_size: int, devices: int
) -> None:
    """In the same number of batches, also where a batch of all is more than there is."""
    dataset, loaders = open_dataset(shards), of_ranks(shards, size, devices, batch_size)
    wanted = [dataset.place(i) for i in range(len(dataset))]
    for _ in range(2):
        steps = list(zip(*loaders, strict=True))
        assert {len(loader) for loader in loaders} == {len(steps)}
        assert len(steps) == math.ceil(math.ceil(COUNT / (size * devices)) / (batch_size // devices))
        of_each = list(zip(*steps, strict=True))
        seen = [place for batches in of_each for batch in batches for place in batch.records()]
        assert sorted(seen, key=wanted.index) == wanted and (seen == wanted or devices > 1)
        for batch in [batch for batches in of_each for batch in batches]:
            lengths = [len(data) for data in batch.data]
            assert lengths == [len(labels) for labels in batch.labels] and sum(lengths) == len(batch.records())
            assert max(lengths, default=0) <= batch_size // devices


@pytest.mark.parametrize(("size", "devices"), [(11, 1), (3, 4)])
def test_fewer_records_than_devices_are_refused_by_every_rank(shards: str, size: int, devices: int) -> None:
    for rank in range(size):
        with pytest.raises(DatasetError, match=f"{COUNT} records for {size * devices} devices: each needs one"):
            val(shards, ctx=contexts(devices), batch_size=devices, world_size=size, rank=rank)


def test_ranks_with_a_record_less_end_with_an_empty_batch(shards: str) -> None:
    """Three of the ten records, three and four, three a batch."""
    batches = [list(loader) for loader in of_ranks(shards, 3, 1, 3)]
    assert [[len(batch.records()) for batch in own] for own in batches] == [[3, 0], [3, 0], [3, 1]]


def test_one_record_a_rank_is_enough(shards: str) -> None:
    dataset = open_dataset(shards)
    steps = list(zip(*of_ranks(shards, COUNT, 1, 2), strict=True))
    assert [[batch.records() for batch in batches] for batches in steps] == [[[dataset.place(i)] for i in range(COUNT)]]


def test_ranks_have_the_pixels_and_labels_of_one_process(shards: str) -> None:
    whole = [rows for batch in val(shards, batch_size=1) for rows in zip(*values(batch), strict=True)]
    own = [rows for loader in of_ranks(shards, 3, 1, 2) for batch in loader for rows in rows_of(batch)]
    for (image, objects), (other, same_objects) in zip(whole, own, strict=True):
        np.testing.assert_array_equal(image, other)
        length = min(len(objects), len(same_objects))
        np.testing.assert_array_equal(objects[:length], same_objects[:length])
        assert (objects[length:] == -1).all() and (same_objects[length:] == -1).all()


def rows_of(batch: Any) -> list[tuple[Any, Any]]:
    return list(zip(*values(batch), strict=True)) if batch.data else []
