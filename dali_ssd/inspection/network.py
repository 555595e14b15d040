"""The anchors of the network that the options name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dali_ssd.anchors import FEATURE_MAPS, FeatureMap, lay_out, map_of_each
from dali_ssd.util.optional import import_module

__all__ = ["Network", "find_network"]


@dataclass(frozen=True, eq=False)
class Network:
    """The anchors of an SSD."""

    name: str
    """Its backbone."""
    data_shape: int
    """Side of its input in pixels."""
    layers: tuple[FeatureMap, ...]

    @cached_property
    def anchors(self) -> NDArray[np.float32]:
        """All anchors, `(N, 4) float32`, center format in network pixels."""
        return lay_out(self.layers)

    @cached_property
    def layer_of(self) -> NDArray[np.int64]:
        """Number of the layer of each anchor, (N,)."""
        return map_of_each(self.layers)

    def __str__(self) -> str:
        return f"{self.name} {self.data_shape}"


def find_network(name: str, data_shape: int) -> Network:
    """Return a network by backbone and size of the input.

    GluonCV's networks are known by formula; those that only `OWN_NETWORKS` has are built, which takes MXNet.

    Raises:
        ConfigError: there is no network of this name and size, or its anchors are not laid out as SSD's are.
        MissingDependencyError: it is none of GluonCV's, and MXNet is not installed.
    """
    maps = FEATURE_MAPS.get((name, data_shape))
    if maps is None:
        maps = import_module("dali_ssd.gluon.networks.layers").feature_maps_of(name, data_shape)
    return Network(name, data_shape, maps)
