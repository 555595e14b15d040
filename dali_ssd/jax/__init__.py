"""Loaders for JAX: the same shards, augmentation and targets, as `jax.Array`.

    from dali_ssd.jax import TrainLoader, ValLoader

Importing this imports jax, and nothing else of the package does.
"""

from __future__ import annotations

from dali_ssd.util.optional import require

require("jax")  # before the modules below import it, so that a missing jax is explained

from dali_ssd.jax.batch import BoxBatch, EncodedBatch  # noqa: E402
from dali_ssd.jax.loaders import TrainLoader, ValLoader  # noqa: E402

__all__ = ["BoxBatch", "EncodedBatch", "TrainLoader", "ValLoader"]
