"""What loaders for JAX refuse."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

import jax.numpy as jnp

from dali_ssd.errors import ConfigError
from tests.support.jax_loaders import boxes, encoded, val

makers = pytest.mark.parametrize("make", [encoded, boxes, val])


@makers
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cpu"}, "device must be a jax.Device, the CPU or an NVIDIA GPU, not 'cpu'"),
        ({"device": 0}, "device must be a jax.Device, the CPU or an NVIDIA GPU, not 0"),
        ({"device": object()}, "device must be a jax.Device, the CPU or an NVIDIA GPU, not <object"),
        ({"dtype": jnp.float64}, "dtype must be jnp.float32, float16 or bfloat16, not <class 'jax.numpy.float64'>"),
        ({"dtype": "int8"}, "dtype must be jnp.float32, float16 or bfloat16, not 'int8'"),
        ({"dtype": "nn"}, "dtype must be jnp.float32, float16 or bfloat16, not 'nn'"),
        ({"dtype": []}, "dtype must be jnp.float32, float16 or bfloat16, not []"),
        ({"dtype": np.float64(1)}, "dtype must be jnp.float32, float16 or bfloat16, not np.float64(1.0)"),
        ({"rank": 1}, "give both world_size and rank, or neither, not None and 1"),
        ({"world_size": 2}, "give both world_size and rank, or neither, not 2 and None"),
        ({"world_size": 0, "rank": 0}, "world_size must be a whole number of at least 1, not 0"),
        ({"world_size": 2, "rank": 2}, "rank must be a whole number within 0..1, not 2"),
        ({"layout": "HWCN"}, "layout must be NCHW or NHWC, not 'HWCN'"),
    ],
    ids=lambda value: re.sub(" at 0x.*", "", str(value)),
)
def test_wrong_options_are_named_before_any_shard_is_opened(make: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        make("no/such.rec", **options)


@makers
@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("ctx", "device"),
        ("framework", "dali_ssd.TrainLoader for other frameworks"),
        ("num_shards", "world_size"),
        ("shard_id", "rank"),
    ],
)
def test_names_of_other_loaders_are_refused(make: Any, name: str, instead: str) -> None:
    with pytest.raises(TypeError, match=f"^a loader for JAX has no option '{name}'; give {instead}$"):
        make("no/such.rec", **{name: 1})


@makers
def test_unknown_names_are_answered_with_the_loaders_own(make: Any) -> None:
    with pytest.raises(TypeError, match=r"^a loader for JAX has no option 'batchsize'; there are ") as refused:
        make("no/such.rec", batchsize=2)
    names = set(str(refused.value).partition("there are ")[2].split(", "))
    assert {"batch_size", "device", "dtype", "layout", "rank", "recipe", "world_size"} <= names
    assert not {"ctx", "framework", "memory_format"} & names
    assert ({"anchors", "targets", "seed"} <= names) == (make is not val)
