"""A training loop as users of PyTorch have it, on these loaders: it runs, and it learns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from tests.support.tiny import TinyNet, steps
from tests.support.torch_loaders import encoded


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    """A group of one process."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", world_size=1, rank=0)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_mixed_precision_and_data_parallel_training_learns(shard: Path, memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    network = DistributedDataParallel(TinyNet().to(memory_format=memory_format))
    with encoded(shard, memory_format=memory_format) as loader:
        losses = steps(network, loader, epochs=3)
    assert len(losses) == 37
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
