from __future__ import annotations

import functools

import numpy as np
import pytest

from dali_ssd.anchors import FEATURE_MAPS, network_anchors
from dali_ssd.errors import ConfigError
from dali_ssd.inspection.network import find_network


@pytest.mark.parametrize(("name", "data_shape"), FEATURE_MAPS)
def test_each_anchor_has_the_layer_whose_shapes_it_has(name: str, data_shape: int) -> None:
    network = find_network(name, data_shape)
    np.testing.assert_array_equal(network.anchors, network_anchors(name, data_shape))
    for number, layer in enumerate(network.layers):
        shapes = network.anchors[network.layer_of == number, 2:]
        assert len(shapes) == layer.cells**2 * len(layer.shapes)
        np.testing.assert_allclose(shapes[: len(layer.shapes)], layer.shapes, rtol=1e-6)


def test_a_network_of_ones_own_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gluoncv")
    from dali_ssd.gluon.networks import mobilenet, zoo

    monkeypatch.setitem(
        zoo.OWN_NETWORKS, ("own", 128), functools.partial(mobilenet.SMALL_NETWORKS["mobilenet0.25", 128])
    )
    assert find_network("own", 128).layers[0].cells == 16
    np.testing.assert_allclose(find_network("own", 128).anchors, network_anchors("mobilenet0.25", 128), rtol=1e-5)


def test_an_unknown_network_is_refused() -> None:
    pytest.importorskip("gluoncv")
    with pytest.raises(ConfigError, match=r"no SSD of 300 pixels with --network vgg; there are: .*vgg16_atrous 300"):
        find_network("vgg", 300)
