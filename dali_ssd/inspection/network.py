"""The anchors of the network that the options name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dali_ssd.anchors import FEATURE_MAPS, FeatureMap, lay_out, map_of_each
from dali_ssd.errors import ConfigError
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
    layers = FEATURE_MAPS.get((name, data_shape))
    return Network(name, data_shape, _built_layers(name, data_shape) if layers is None else layers)


def _built_layers(name: str, data_shape: int) -> tuple[FeatureMap, ...]:
    zoo, mx = import_module("dali_ssd.gluon.networks.zoo"), import_module("mxnet")
    zoo.require_network(name, data_shape)
    net = zoo.build_network(name, data_shape, ["object"])
    zoo.initialize(net, [mx.cpu()], data_shape)
    features = net.features(mx.nd.zeros((1, 3, data_shape, data_shape)))
    layers = tuple(_layer(*pair) for pair in zip(features, net.anchor_generators, strict=True))
    anchors = zoo.anchors_of(net, data_shape).asnumpy()[0]
    ours = lay_out(layers)
    if ours.shape != anchors.shape or not np.allclose(ours, anchors, rtol=1e-5):
        raise ConfigError(
            f"the anchors of {name} {data_shape} are not laid out as those of GluonCV's SSDAnchorGenerator, the only "
            "ones "
            "that `inspect` knows; name a network that has these"
        )
    return layers


def _layer(feature: Any, generator: Any) -> FeatureMap:
    """Return the layer of a feature map (1, C, H, W) with the numbers that its generator keeps."""
    size, between = (float(value) for value in generator._sizes)
    first = generator.anchors.value if hasattr(generator.anchors, "value") else generator.anchors.data()
    step = 2 * float(first.reshape((-1, 4))[0, 0].asscalar())
    return FeatureMap(feature.shape[2], step, (size, between**2 / size), tuple(map(float, generator._ratios)))
