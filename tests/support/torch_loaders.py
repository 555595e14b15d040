"""Loaders for PyTorch of small batches, and what their batches must hold, as loaders for other frameworks have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from dali_ssd import loader
from dali_ssd.torch import BoxBatch, TrainLoader, ValLoader
from tests.support.loaders import as_numpy
from tests.support.pipes import ANCHORS

COUNT = 25
"""Records of the shards: in batches of two, twelve a pass, so that two pipelines take turns."""
OPTIONS: dict[str, Any] = {"batch_size": 2, "data_shape": 64, "num_threads": 2}
ENCODED: dict[str, Any] = {"anchors": ANCHORS}
BOXES: dict[str, Any] = {"targets": "boxes"}


def encoded(shards: Any, **options: Any) -> TrainLoader:
    return TrainLoader(shards, **{**OPTIONS, **ENCODED, **options})


def boxes(shards: Any, **options: Any) -> TrainLoader:
    return TrainLoader(shards, **{**OPTIONS, **BOXES, **options})


def val(shards: Any, **options: Any) -> ValLoader:
    return ValLoader(shards, **{**OPTIONS, **options})


PAIRS: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
    (encoded, lambda shards, **options: loader.TrainLoader(shards, **{**OPTIONS, **ENCODED, **options})),
    (boxes, lambda shards, **options: loader.TrainLoader(shards, **{**OPTIONS, **BOXES, **options})),
    (val, lambda shards, **options: loader.ValLoader(shards, **{**OPTIONS, **options})),
]
"""What makes a loader for PyTorch, and what makes the same one for another framework."""
NAMES = ["encoded", "boxes", "val"]


def tensors(batch: Any) -> list[torch.Tensor]:
    """All tensors of a batch."""
    parts = [part if isinstance(part, list) else [{"": part}] for part in batch]
    return [tensor for part in parts for target in part for tensor in target.values()]


def same(first: Any, second: Any) -> bool:
    """Whether two batches are the same to the bit."""
    return all(map(torch.equal, tensors(first), tensors(second)))


def require_numbers(ours: Any, theirs: Any) -> None:
    """Require that a batch of tensors has the numbers of another framework's, bit by bit."""
    images, *targets = (as_numpy(array) for (array,) in theirs)
    np.testing.assert_array_equal(ours.images.cpu().numpy(), images)
    if isinstance(ours, BoxBatch):
        require_objects(ours, targets[0])
        return
    classes, offsets = targets
    assert ours.cls_targets.dtype == torch.int64
    np.testing.assert_array_equal(ours.cls_targets.cpu().numpy(), classes)
    np.testing.assert_array_equal(ours.box_targets.cpu().numpy(), offsets)


def require_objects(ours: BoxBatch, table: np.ndarray[Any, Any]) -> None:
    """Require that the targets of each image are its rows of the table (B, M, 5 or 6) before those of -1."""
    assert len(ours.targets) == len(table)
    for target, rows in zip(ours.targets, table, strict=True):
        count = int((rows[:, 4] >= 0).sum())
        assert (rows[count:] == -1).all()
        found = {name: tensor.cpu().numpy() for name, tensor in target.items()}
        assert found.keys() == ({"boxes", "labels", "difficult"} if table.shape[2] == 6 else {"boxes", "labels"})
        assert found["boxes"].dtype == np.float32 and found["boxes"].shape == (count, 4)
        assert found["labels"].dtype == np.int64
        np.testing.assert_array_equal(found["boxes"], rows[:count, :4])
        np.testing.assert_array_equal(found["labels"], rows[:count, 4] + 1)
        if "difficult" in found:
            assert found["difficult"].dtype == np.bool_
            np.testing.assert_array_equal(found["difficult"], rows[:count, 5] > 0)
