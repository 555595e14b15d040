"""What a notebook shows of a loader."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.loader import TrainLoader, ValLoader
from tests.support.shards import write_random


@pytest.fixture
def shards(tmp_path: Path) -> tuple[Path, ...]:
    return write_random(tmp_path, 12)


def train(shards: tuple[Path, ...], **more: Any) -> TrainLoader:
    options: dict[str, Any] = {"targets": "boxes", "batch_size": 4, "data_shape": 64, "framework": "dlpack"}
    return TrainLoader(shards, **options, **more)


def test_showing_a_loader_changes_nothing(shards: tuple[Path, ...]) -> None:
    """Neither its state nor the batches to come."""
    with train(shards) as shown, train(shards) as left_alone:
        for _ in range(2):
            for one, other in zip(shown, left_alone, strict=True):
                assert "TrainLoader" in shown._repr_html_()
                assert shown.state_dict() == left_alone.state_dict()
                np.testing.assert_array_equal(np.array(one.data[0]), np.array(other.data[0]))


def test_before_the_first_batch_and_after_close(shards: tuple[Path, ...]) -> None:
    loader = train(shards)
    before = loader._repr_html_()
    assert "data:image/jpeg" in before and "4 images on 1 device" in before and "closed" not in before
    loader.close()
    assert "closed" in loader._repr_html_() and "data:image/jpeg" in loader._repr_html_()


def test_a_loader_for_validation(shards: tuple[Path, ...]) -> None:
    with ValLoader(shards, batch_size=5, data_shape=64, framework="dlpack") as loader:
        shown = loader._repr_html_()
        assert "ValLoader" in shown and "data:image/jpeg" in shown
        assert sum(len(batch.data[0]) for batch in loader) == 12


def test_a_shard_that_has_gone(shards: tuple[Path, ...]) -> None:
    with train(shards) as loader:
        shards[0].unlink()
        assert "no picture: " in loader._repr_html_()


def test_in_a_fork(shards: tuple[Path, ...]) -> None:
    with train(shards) as loader:
        next(iter(loader))
        child = multiprocessing.get_context("fork").Process(target=show_and_end, args=(loader,))
        child.start()
        child.join(60)
        assert child.exitcode == 0


def show_and_end(loader: TrainLoader) -> None:
    os._exit(0 if "made in another process" in loader._repr_html_() else 1)
