"""Each process has its part of the records, as jax.distributed says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax")

from dali_ssd.errors import ConfigError
from dali_ssd.jax.world import process_of
from dali_ssd.util.parallel import available_cores
from tests.support.announced import torchrun
from tests.support.jax_loaders import COUNT, encoded, val
from tests.support.jax_rank import run_two


def test_one_process_alone_has_all_records(monkeypatch: pytest.MonkeyPatch) -> None:
    assert process_of(None, None) == (1, 0)
    for name, value in {"RANK": "0", "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    assert process_of(None, None) == (1, 0)


def test_what_is_given_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    assert process_of(3, 2) == (3, 2)
    with pytest.raises(ConfigError, match=r"environment announces 2 processes, and jax\.distributed is not"):
        process_of(None, None)


def test_the_cores_of_a_host_are_shared(monkeypatch: pytest.MonkeyPatch, shard: Path) -> None:
    for name, value in torchrun(1).items():
        monkeypatch.setenv(name, value)
    for make in (encoded, val):
        with make(shard, num_threads="auto", world_size=2, rank=1) as loader:
            assert loader.pipeline.num_threads == max(1, available_cores() // 2)


def test_two_processes_have_every_record_once(shard: Path) -> None:
    first, second = run_two(shard)
    for rank, one in enumerate((first, second)):
        assert one["alone"] == (
            "torchrun's environment announces 2 processes, and jax.distributed is not initialized; call "
            "jax.distributed.initialize() before the loader is made, or give world_size and rank"
        )
        assert one["other's"].endswith(
            f" of process {1 - rank}, and this is process {rank}; give one of jax.local_devices()"
        )
    for name in ("encoded", "boxes"):
        assert len(first[name]) == len(second[name]) == COUNT // 4
        seen = [image for of_rank in (first, second) for batch in of_rank[name] for image in batch]
        assert len(set(seen)) == len(seen) == COUNT // 4 * 4
    with val(shard) as loader:
        whole = [image for batch in loader for image in np.asarray(batch.images, np.float64).sum((1, 2, 3)).tolist()]
    seen = [image for of_rank in (first, second) for batch in of_rank["val"] for image in batch]
    assert len(seen) == COUNT == len(set(whole)) and len(first["val"]) == len(second["val"])
    assert seen == whole
