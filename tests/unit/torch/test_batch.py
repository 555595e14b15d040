"""Batches of tensors are moved as a tensor is."""

from __future__ import annotations

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
