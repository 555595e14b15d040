"""The feature maps of a network that is built, for those whose anchors are not known by formula."""

from __future__ import annotations

from typing import Any

import mxnet as mx
import numpy as np

from dali_ssd.anchors import FeatureMap, lay_out
from dali_ssd.errors import ConfigError
from dali_ssd.gluon.networks.zoo import anchors_of, build_network, initialize

__all__ = ["feature_maps_of"]


def feature_maps_of(network: str, data_shape: int) -> tuple[FeatureMap, ...]:
    """Build a network and return its feature maps.

    Raises ConfigError if there is no network of this backbone and size, or its anchors are not laid out as SSD's are.
    """
    net = build_network(network, data_shape, ["object"])
    initialize(net, [mx.cpu()], data_shape)
    features = net.features(mx.nd.zeros((1, 3, data_shape, data_shape)))
    maps = tuple(_feature_map(*pair) for pair in zip(features, net.anchor_generators, strict=True))
    anchors, ours = anchors_of(net, data_shape).asnumpy()[0], lay_out(maps)
    if ours.shape != anchors.shape or not np.allclose(ours, anchors, rtol=1e-5):
        raise ConfigError(
            f"the anchors of {network} {data_shape} are not laid out as those of GluonCV's SSDAnchorGenerator, the "
            "only ones that `inspect` knows; name a network that has these"
        )
    return maps


def _feature_map(feature: Any, generator: Any) -> FeatureMap:
    """Return the map of features (1, C, H, W) with the numbers that its generator keeps."""
    size, between = (float(value) for value in generator._sizes)
    first = generator.anchors.data().reshape((-1, 4))[0, 0].asscalar()
    ratios = tuple(map(float, generator._ratios))
    return FeatureMap(feature.shape[2], 2 * float(first), (size, between**2 / size), ratios)
