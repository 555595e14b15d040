from __future__ import annotations

import numpy as np
import pytest

from dali_ssd.anchors import FEATURE_MAPS, VGG_SHAPES, corner_fractions, network_anchors, vgg_anchors
from dali_ssd.errors import ConfigError

HEAVY = ("vgg", "resnet1", "resnet50")
"""Beginnings of the names of networks that take long to build."""


@pytest.mark.parametrize(("data_shape", "count"), [(300, 8732), (512, 24564)])
def test_as_many_anchors_as_the_paper_has(data_shape: int, count: int) -> None:
    anchors = vgg_anchors(data_shape)
    assert anchors.shape == (count, 4)
    assert anchors.dtype == np.float32
    assert (anchors[:, :2] > 0).all()
    assert (anchors[:, :2] < 1.02 * data_shape).all()  # 10 cells of 32 pixels reach beyond 300, as in GluonCV


def test_the_first_and_the_last_anchor() -> None:
    anchors = vgg_anchors(300)
    np.testing.assert_allclose(anchors[:2], [[4, 4, 30, 30], [4, 4, 1800**0.5, 1800**0.5]], rtol=1e-6)
    np.testing.assert_allclose(anchors[4], [12, 4, 30, 30])
    np.testing.assert_allclose(anchors[-1], [150, 150, 264 * 0.5**0.5, 264 * 2**0.5], rtol=1e-6)


def test_corners_enclose_the_center() -> None:
    corners = corner_fractions(vgg_anchors(300), 300)
    np.testing.assert_allclose((corners[:, :2] + corners[:, 2:]) / 2 * 300, vgg_anchors(300)[:, :2], atol=1e-4)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match="300 or 512"):
        vgg_anchors(301)
    assert sorted(VGG_SHAPES) == [300, 512]


@pytest.mark.parametrize(
    ("network", "data_shape"),
    [pytest.param(*key, marks=pytest.mark.slow if key[0].startswith(HEAVY) else ()) for key in FEATURE_MAPS],
)
def test_the_formula_gives_what_the_network_has(network: str, data_shape: int) -> None:
    pytest.importorskip("gluoncv")
    import mxnet as mx

    from dali_ssd.gluon.networks.zoo import anchors_of, build_network, initialize

    net = build_network(network, data_shape, ["a"])
    initialize(net, [mx.cpu()], data_shape)
    np.testing.assert_array_equal(network_anchors(network, data_shape), anchors_of(net, data_shape).asnumpy()[0])


def test_a_network_without_a_formula_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"anchors of resnet50_v1 at 300 pixels .*: vgg16_atrous 300, .*mobilenet0.25 128"
    ):
        network_anchors("resnet50_v1", 300)
