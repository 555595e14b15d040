"""Validation batches: every record once, in the order of the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label
from tests.support.loaders import COUNT, ONE, TWO, as_numpy, keys, same, val
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
