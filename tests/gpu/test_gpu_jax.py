"""Loaders for JAX on a GPU: arrays of its own, with the numbers of the loaders for DLPack."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from dali_ssd import loader
from dali_ssd.jax import BoxBatch
from tests.support.jax_loaders import boxes, encoded, val
from tests.support.twins import LEVEL, share_beyond


def gpus() -> list[Any]:
    """The GPUs that JAX has; none if it is built for CPUs."""
    try:
        return list(jax.local_devices(backend="gpu"))
    except RuntimeError:
        return []


pytestmark = [
    pytest.mark.usefixtures("plugin"),
    pytest.mark.skipif(not gpus(), reason="this JAX has no GPU"),
]

makers = pytest.mark.parametrize("make", [encoded, boxes, val])


def on_gpu(make: Any, shard: Path, **options: Any) -> Any:
    return make(shard, device=gpus()[0], plugin="require", **options)


def arrays(batch: Any) -> list[Any]:
    return [part for part in batch if part is not None]


def copies(batches: Any) -> list[np.ndarray[Any, Any]]:
    """The numbers of all arrays, each fetched as soon as it is there."""
    return [np.array(part) for batch in batches for part in arrays(batch)]


@makers
def test_arrays_are_on_the_gpu_with_the_numbers_of_the_loader_for_dlpack(pngs: Path, make: Any) -> None:
    kind = loader.ValLoader if make is val else loader.TrainLoader
    options: dict[str, Any] = {"ctx": "gpu", "framework": "dlpack", "plugin": "require"}
    with on_gpu(make, pngs) as ours, make(pngs, kind, **options) as theirs:
        for one, other in zip(ours, theirs, strict=True):
            assert {part.device for part in arrays(one)} == {gpus()[0]}
            np.testing.assert_array_equal(one.images, other.data[0].as_numpy())
            if make is encoded:
                np.testing.assert_array_equal(one.cls_targets, other.cls_targets[0].as_numpy())
                np.testing.assert_array_equal(one.box_targets, other.box_targets[0].as_numpy())


def test_validation_is_that_of_the_cpu(pngs: Path) -> None:
    """PNGs are decoded on the host in any case."""
    with on_gpu(val, pngs) as ours, val(pngs) as theirs:
        for one, other in zip(ours, theirs, strict=True):
            assert isinstance(one, BoxBatch)
            assert share_beyond(LEVEL, np.asarray(one.images), np.asarray(other.images)) == 0
            for part, same in zip(arrays(one)[1:], arrays(other)[1:], strict=True):
                np.testing.assert_array_equal(part, same)


@makers
def test_copies_are_made_before_dali_writes_again(pngs: Path, make: Any) -> None:
    """A kernel that takes long is queued before each copy, and nothing waits for it until many batches are made."""
    with on_gpu(make, pngs) as loader:
        wanted = copies(batch for _ in range(3) for batch in loader)
    side, kept = jnp.ones((4096, 4096)), []
    long = jax.jit(lambda matrix: jax.lax.fori_loop(0, 20, lambda _, found: found @ matrix / 4096, matrix))
    with on_gpu(make, pngs) as loader:
        for _ in range(3):
            for batch in loader:
                side = long(side)
                kept += arrays(batch)
                del batch
                gc.collect()
    del loader
    gc.collect()
    for array, same in zip(kept, wanted, strict=True):
        np.testing.assert_array_equal(array, same)


@makers
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16], ids=["float16", "bfloat16"])
def test_half_precision(pngs: Path, make: Any, dtype: Any) -> None:
    with on_gpu(make, pngs, dtype=dtype) as halves, on_gpu(make, pngs) as usual:
        for one, other in zip(halves, usual, strict=True):
            assert one.images.dtype == dtype
            np.testing.assert_allclose(
                np.asarray(one.images, np.float32), np.asarray(other.images), rtol=2**-8, atol=2**-8
            )


def test_a_state_leads_to_the_rest_to_the_bit(pngs: Path) -> None:
    with on_gpu(encoded, pngs) as first, on_gpu(encoded, pngs) as second:
        epoch = iter(first)
        next(epoch)
        second.load_state_dict(first.state_dict())
        for part, same in zip(copies(epoch), copies(second), strict=True):
            np.testing.assert_array_equal(part, same)
