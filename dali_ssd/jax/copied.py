"""DALI's memory on a GPU as JAX's own arrays."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["Copier"]


class Copier:
    """Copies arrays within a device, and holds each until the copy is made.

    XLA lets go of memory of others when its last use is queued, not when it has run: DALI would write a later batch
    into it meanwhile.
    """

    def __init__(self) -> None:
        self._held: deque[tuple[jax.Array, Any]] = deque()
        """What is ready when the copy is, and what is copied. Not the copy itself, which a user may donate."""

    def copy(self, array: Any) -> jax.Array:
        """Return JAX's copy of an array that has DLPack's methods, on the same device; it need not be made yet."""
        while self._held and self._held[0][0].is_ready():
            self._held.popleft()
        copy = jnp.array(jax.dlpack.from_dlpack(array), copy=True)
        self._held.append((_first(copy), array))
        return copy

    def __del__(self) -> None:
        """Wait for the copies that are not made yet."""
        if not sys.is_finalizing():
            for made, _ in self._held:
                made.block_until_ready()


_first = jax.jit(lambda array: array.ravel()[:1])
"""Returns the first number of an array, which is ready only when the array is."""
