"""Batches of arrays on one device: named tuples, which `jax.jit` takes and returns as they are."""

from __future__ import annotations

from typing import NamedTuple

import jax

__all__ = ["BoxBatch", "EncodedBatch"]


class EncodedBatch(NamedTuple):
    """A training batch with a target for each anchor."""

    images: jax.Array
    """(B, 3, S, S) or (B, S, S, 3)"""
    cls_targets: jax.Array
    """(B, N) int32: 0 background, else class id + 1."""
    box_targets: jax.Array
    """(B, N, 4) float32: 0 where not positive."""


class BoxBatch(NamedTuple):
    """A batch with the objects of each image, with further rows of 0 so that all have M.

    M is the next power of two, so that a compiled function sees few shapes.
    """

    images: jax.Array
    """(B, 3, S, S) or (B, S, S, 3)"""
    boxes: jax.Array
    """(B, M, 4) float32 xmin ymin xmax ymax in pixels of the network's input."""
    labels: jax.Array
    """(B, M) int32: class id + 1, 0 after the last object."""
    difficult: jax.Array | None = None
    """(B, M) bool, for validation."""
