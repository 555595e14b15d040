"""Loaders for JAX: the numbers of all loaders, as arrays on one device that compiled functions take."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from dali_ssd import loader
from dali_ssd.jax import BoxBatch, EncodedBatch
from tests.support.iterations import require_newest_alone
from tests.support.jax_loaders import boxes, encoded, val
from tests.support.paths import ROOT
from tests.support.pipes import ANCHORS
from tests.support.recipe import OWN

makers = pytest.mark.parametrize("make", [encoded, boxes, val])


def of_numpy(make: Any, shard: Path, **options: Any) -> Any:
    """The same loader for NumPy."""
    kind = loader.ValLoader if make is val else loader.TrainLoader
    return make(shard, kind, framework="dlpack", **options)


def require_numbers(ours: Any, theirs: Any) -> None:
    """Require that a batch has NumPy's numbers, bit by bit, and further rows of 0 up to a power of two."""
    (images,), (targets,), *offsets = theirs
    np.testing.assert_array_equal(ours.images, images)
    if isinstance(ours, EncodedBatch):
        assert (ours.cls_targets.dtype, ours.box_targets.dtype) == (np.int32, np.float32)
        np.testing.assert_array_equal(ours.cls_targets, targets)
        np.testing.assert_array_equal(ours.box_targets, offsets[0][0])
        return
    rows, there = ours.boxes.shape[1], targets[..., 4] >= 0
    assert rows & (rows - 1) == 0 and targets.shape[1] <= rows < 2 * targets.shape[1]
    more = rows - targets.shape[1]
    wanted = np.pad(np.where(there[..., None], targets, 0), [(0, 0), (0, more), (0, 0)])
    np.testing.assert_array_equal(ours.boxes, wanted[..., :4])
    np.testing.assert_array_equal(ours.labels, np.pad(np.where(there, targets[..., 4] + 1, 0), [(0, 0), (0, more)]))
    assert (ours.boxes.dtype, ours.labels.dtype) == (np.float32, np.int32)
    if targets.shape[2] == 6:
        assert ours.difficult.dtype == np.bool_
        np.testing.assert_array_equal(ours.difficult, wanted[..., 5] > 0)
    else:
        assert ours.difficult is None


@makers
@pytest.mark.parametrize(
    "options",
    [{}, {"dtype": "float16", "layout": "NHWC"}, {"recipe": OWN}],
    ids=["usual", "given", "the recipe's"],
)
def test_the_numbers_are_those_of_other_frameworks(shard: Path, make: Any, options: dict[str, Any]) -> None:
    with make(shard, **options) as ours, of_numpy(make, shard, **options) as theirs:
        for _ in range(2):
            for one, other in zip(ours, theirs, strict=True):
                assert all(isinstance(array, jax.Array) for array in one if array is not None)
                assert (one.images.shape, one.images.dtype) == (other.data[0].shape, other.data[0].dtype)
                require_numbers(one, other)


def test_an_iterator_of_validation_that_another_has_followed_is_refused(shard: Path) -> None:
    with val(shard) as loader:
        require_newest_alone(loader)


@makers
def test_compiled_functions_take_and_return_batches(shard: Path, make: Any) -> None:
    """And are compiled for few shapes of boxes."""
    shapes = []

    @jax.jit
    def scaled(batch: Any) -> Any:
        shapes.append(batch[1].shape)  # once for each compilation
        return batch._replace(images=batch.images * 2)

    with make(shard) as batches:
        for batch in batches:
            found = scaled(batch)
            assert type(found) is type(batch)
            np.testing.assert_array_equal(found.images, np.asarray(batch.images) * 2)
    assert len(shapes) <= 4


@makers
def test_arrays_outlive_the_loader_and_its_later_batches(shard: Path, make: Any) -> None:
    kept = []
    with make(shard) as batches:
        for _ in range(3):
            kept += [(part, np.array(part)) for batch in batches for part in batch if part is not None]
    del batches
    gc.collect()
    for array, copy in kept:
        np.testing.assert_array_equal(array, copy)


@makers
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float16, jnp.bfloat16, "bfloat16", jnp.dtype("float16")], ids=str)
def test_types_of_images_are_those_of_jax(shard: Path, make: Any, dtype: Any) -> None:
    kind = jnp.dtype(dtype)
    rendered = "float16" if kind == jnp.float16 else "float32"
    with make(shard, dtype=dtype) as ours, of_numpy(make, shard, dtype=rendered) as theirs:
        for one, other in zip(ours, theirs, strict=True):
            assert one.images.dtype == kind
            np.testing.assert_array_equal(one.images, other.data[0].astype(kind))
            assert one[1].dtype in (jnp.int32, jnp.float32)


@makers
def test_images_and_offsets_are_dalis_memory_where_it_begins_as_xla_needs_it(
    shard: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a multiple of 64 bytes, and nowhere else."""
    begins: list[int] = []
    from_dlpack = jax.dlpack.from_dlpack

    def remember(array: Any) -> jax.Array:
        begins.append(array.__array_interface__["data"][0])
        return from_dlpack(array)

    monkeypatch.setattr(jax.dlpack, "from_dlpack", remember)
    aligned = []
    with make(shard) as batches:
        for batch in batches:
            ours = [batch.images, *([batch.box_targets] if make is encoded else [])]
            for array, begin in zip(ours, begins[:: max(1, len(begins) - 1)], strict=True):
                aligned.append(begin % 64 == 0)
                assert (array.unsafe_buffer_pointer() == begin) == aligned[-1]
            begins.clear()
    assert any(aligned)


def test_the_last_batch_of_a_rank_may_be_empty(shard: Path) -> None:
    for options, shape in (
        ({}, (3, 64, 64)),
        ({"recipe": OWN}, (64, 64, 3)),
        ({"dtype": jnp.bfloat16, "layout": "NHWC"}, (64, 64, 3)),
    ):
        with val(shard, rank=0, world_size=2, **options) as batches:
            *others, last = batches
        assert isinstance(last, BoxBatch) and last.difficult is not None
        assert last.images.shape == (0, *shape) and last.images.dtype == others[0].images.dtype
        assert last.boxes.shape[::2] == (0, 4) and len(last.labels) == len(last.difficult) == 0


@pytest.mark.parametrize("taken", [5, 12])
def test_a_state_leads_to_the_rest_of_the_epoch(shard: Path, taken: int) -> None:
    with encoded(shard) as first, encoded(shard) as second:
        stream = (batch for _ in range(2) for batch in first)
        for _ in range(taken):
            next(stream)
        second.load_state_dict(first.state_dict())
        rest = (batch for _ in range(2) for batch in second)
        for _ in range(10):
            for one, other in zip(next(stream), next(rest), strict=True):
                np.testing.assert_array_equal(one, other)


TWO_DEVICES = """
import sys, jax, numpy as np
from dali_ssd.jax import TrainLoader, ValLoader
options = dict(batch_size=2, data_shape=64, num_threads=2)
for number, device in enumerate([None, *jax.devices()]):
    train = dict(device=device, targets="boxes", **options)
    encoded = dict(device=device, anchors=np.load(sys.argv[2]), **options)
    last = dict(device=device, rank=0, world_size=2, **options)
    loaders = TrainLoader(sys.argv[1], **train), TrainLoader(sys.argv[1], **encoded), ValLoader(sys.argv[1], **last)
    batches = [batch for loader in loaders for batch in loader]
    print({array.device.id for batch in batches for array in batch if array is not None})
"""


def test_all_arrays_are_on_the_device_that_is_asked_for(shard: Path, tmp_path: Path) -> None:
    """Of two, into which XLA divides the host: by default on the first, and all of the empty batch too."""
    np.save(tmp_path / "anchors.npy", ANCHORS)
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, str(shard), str(tmp_path / "anchors.npy")],
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["{0}", "{0}", "{1}"]), done.stderr
