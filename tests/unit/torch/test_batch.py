"""Batches of tensors are moved as a tensor is."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from tests.support.torch_loaders import boxes, encoded, same, tensors, val

makers = pytest.mark.parametrize("make", [encoded, boxes, val])


@makers
def test_a_batch_moves_with_all_its_tensors_and_knows_its_records(shard: Path, make: Any) -> None:
    """To `meta`, which is a device wherever PyTorch is."""
    with make(shard) as loader:
        for batch in loader:
            moved = batch.to("meta", non_blocking=True)
            assert type(moved) is type(batch)
            assert {tensor.device.type for tensor in tensors(moved)} == {"meta"}
            assert [tensor.shape for tensor in tensors(moved)] == [tensor.shape for tensor in tensors(batch)]
            assert {tensor.device.type for tensor in tensors(batch)} == {"cpu"}
            assert moved.records() == batch.records() != []


@makers
def test_a_batch_that_is_there_is_the_same(shard: Path, make: Any) -> None:
    with make(shard) as loader:
        batch = next(iter(loader))
        stays = batch.to(torch.device("cpu"))
        assert same(stays, batch) and stays.images.data_ptr() == batch.images.data_ptr()
        assert "records" not in repr(batch) and "_locate" not in repr(batch)


def test_a_batch_keeps_its_types_wherever_it_goes(shard: Path) -> None:
    with boxes(shard) as loader:
        batch = next(iter(loader))
        with pytest.raises((TypeError, RuntimeError)):
            batch.to(torch.float16)
        assert batch == batch and batch in {batch}  # as PyTorch's own objects: by what they are, not by their numbers


@makers
def test_a_batch_goes_to_another_process(shard: Path, make: Any) -> None:
    with make(shard) as loader:
        batch = next(iter(loader))
        copied = pickle.loads(pickle.dumps(batch))
    assert type(copied) is type(batch) and same(copied, batch) and copied.records() == batch.records() != []


class InWorker(torch.utils.data.IterableDataset[Any]):  # type: ignore[misc]
    """A loader that is made in a worker of a `DataLoader`, since a forked one must not be used."""

    def __init__(self, shard: Path) -> None:
        self.shard = shard

    def __iter__(self) -> Iterator[Any]:
        with boxes(self.shard) as loader:
            yield from loader


def test_a_loader_in_a_worker_of_a_data_loader(shard: Path) -> None:
    found = torch.utils.data.DataLoader(
        InWorker(shard), batch_size=None, num_workers=1, multiprocessing_context="spawn", timeout=60
    )
    with boxes(shard) as loader:
        for batch, theirs in zip(found, loader, strict=True):
            assert same(batch, theirs) and batch.records() == theirs.records()
