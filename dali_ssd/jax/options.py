"""The options of the loaders for JAX that are those of all loaders."""

from __future__ import annotations

from dali_ssd.loader import options as of_loaders

__all__ = ["TrainOptions", "ValOptions"]


class ValOptions(of_loaders.ValOptions, of_loaders.PartOptions, total=False):
    """Keywords of both loaders besides those that they name."""


class TrainOptions(ValOptions, of_loaders.RandomOptions, total=False):
    """Keywords of `TrainLoader` besides those that it names."""
