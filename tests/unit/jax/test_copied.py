"""Copies within a device, and when what is copied is let go.

On a CPU, where the loaders need none; tests/gpu/test_gpu_jax.py has the copies of a GPU.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

import jax

from dali_ssd.jax.copied import Copier


class Lent:
    """An array with DLPack's methods and nothing else, which can be referred to weakly."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array
        self.__dlpack__, self.__dlpack_device__ = array.__dlpack__, array.__dlpack_device__


@pytest.mark.parametrize("shape", [(64,), (3, 5, 7), (0, 4)], ids=str)
def test_the_copy_has_memory_of_its_own(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    numbers, copy = array.copy(), Copier().copy(Lent(array))
    assert (copy.shape, copy.dtype) == (array.shape, array.dtype)
    jax.block_until_ready(copy)
    array += 1
    np.testing.assert_array_equal(copy, numbers)


def test_what_is_copied_is_let_go_when_the_next_is() -> None:
    """Also if the copy was given away meanwhile: a compiled function may overwrite what is donated to it."""
    copier, refs = Copier(), []
    add = jax.jit(lambda array: array + 1, donate_argnums=0)
    for number in range(4):
        array = Lent(np.full((64, 64), number, np.float32))
        refs.append(weakref.ref(array))
        found = add(copier.copy(array))
        np.testing.assert_array_equal(found, np.full((64, 64), number + 1, np.float32))
        jax.block_until_ready([made for made, _ in copier._held])
        del array
    gc.collect()
    assert [ref() is None for ref in refs] == [True, True, True, False]
    del copier
    gc.collect()
    assert refs[-1]() is None
