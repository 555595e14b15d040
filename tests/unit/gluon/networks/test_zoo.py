from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.config import TargetConfig
from dali_ssd.errors import ConfigError
from dali_ssd.gluon.networks.zoo import (
    OWN_NETWORKS,
    anchors_of,
    available_networks,
    build_network,
    for_scoring,
    for_training,
    initialize,
)
from dali_ssd.graph.targets import encode_targets


def test_the_zoo_is_there_and_the_small_ones() -> None:
    assert set(available_networks()) == set(OWN_NETWORKS) | {
        ("mobilenet0.25", 128),
        ("mobilenet0.25", 300),
        ("mobilenet1.0", 512),
        ("mobilenet1.0_lite", 300),
        ("resnet101_v2", 512),
        ("resnet152_v2", 512),
        ("resnet18_v1", 512),
        ("resnet34_v1b", 300),
        ("resnet50_v1", 512),
        ("vgg16_atrous", 300),
        ("vgg16_atrous", 512),
    }


@pytest.mark.parametrize(("network", "data_shape"), [("mobilenet0.25", 512), ("resnet18", 512)])
def test_what_is_not_there_is_answered_with_what_is(network: str, data_shape: int) -> None:
    with pytest.raises(
        ConfigError, match=rf"no SSD of {data_shape} pixels with --network {network}; .*vgg16_atrous 300"
    ):
        build_network(network, data_shape, ["a"])


def test_a_network_needs_classes() -> None:
    with pytest.raises(ConfigError, match="class name"):
        build_network("mobilenet0.25", 128, [])


@pytest.mark.parametrize("network", ["mobilenet0.25", "mobilenet1.0_lite"])
def test_boxes_are_scaled_back_by_the_stds_of_the_targets(network: str) -> None:
    targets = TargetConfig(stds=(0.3, 0.4, 0.5, 0.6))
    net = build_network(network, 300, ["a"], stds=targets.stds)
    box, anchors = np.array([[40, 50, 120, 180]], np.float32), np.array([[80, 110, 90, 120]], np.float32)
    _, offsets = encode_targets(box, [0], anchors, targets)
    (found,) = net.bbox_decoder(mx.nd.array(offsets[None]), mx.nd.array(anchors[None])).asnumpy()
    np.testing.assert_allclose(found, box, atol=1e-3)


# One with a builder for own classes, one without, and one without and with other predictors.
@pytest.mark.parametrize(
    ("network", "data_shape"), [("mobilenet0.25", 300), ("resnet101_v2", 512), ("mobilenet1.0_lite", 300)]
)
def test_networks_have_the_classes_asked_for(network: str, data_shape: int) -> None:
    net = build_network(network, data_shape, ["a", "b", "c"])
    initialize(net, [mx.cpu()], data_shape)
    assert list(net.classes) == ["a", "b", "c"]
    image = mx.nd.random.normal(shape=(1, 3, data_shape, data_shape))
    with mx.autograd.train_mode():
        classes, boxes, anchors = net(image)
    assert classes.shape == (*boxes.shape[:2], 4)
    np.testing.assert_array_equal(anchors_of(net, data_shape).asnumpy(), anchors.asnumpy())
    ids, scores, found = net(image)
    assert ids.shape == scores.shape == (*found.shape[:2], 1)


def test_anchors_do_not_touch_the_running_means() -> None:
    net = build_network("mobilenet0.25", 128, ["a"])
    initialize(net, [mx.cpu()], 128)
    means = [p for name, p in net.collect_params().items() if name.endswith("running_mean")]
    anchors_of(net, 128)
    assert means
    assert all((mean.data().asnumpy() == 0).all() for mean in means)


@pytest.mark.parametrize(("data_shape", "last"), [(128, 124), (300, 304)])
def test_anchors_of_the_small_networks_cover_the_image(data_shape: int, last: int) -> None:
    net = build_network("mobilenet0.25", data_shape, ["a"])
    initialize(net, [mx.cpu()], data_shape)
    centers = anchors_of(net, data_shape).asnumpy()[0, :, :2]
    assert (centers.min(axis=0) == 4).all()
    assert (centers.max(axis=0) == last).all()


def test_training_and_scoring_in_turns_compile_once_each() -> None:
    net = build_network("mobilenet0.25", 128, ["a"])
    initialize(net, [mx.cpu()], 128)
    image = mx.nd.zeros((1, 3, 128, 128))
    graphs = []
    for _ in range(3):
        for_training(net)
        with mx.autograd.record():
            assert net(image)[0].shape[2] == 2
        graphs.append(net._cached_op)
        for_scoring(net)
        assert net(image)[0].shape == (1, 100, 1)
        graphs.append(net._cached_op)
    assert graphs == graphs[:2] * 3
    assert graphs[0] is not graphs[1]


def test_scoring_sees_what_training_has_changed() -> None:
    net = build_network("mobilenet0.25", 128, ["a"])
    initialize(net, [mx.cpu()], 128)
    image = mx.nd.random.normal(shape=(1, 3, 128, 128))
    for_scoring(net)
    before = net(image)[1].asnumpy()
    for_training(net)
    with mx.autograd.record():
        net(image)[0].wait_to_read()
    for parameter in net.collect_params(".*weight").values():
        parameter.set_data(parameter.data() * 2)
    for_scoring(net)
    after = net(image)[1].asnumpy()
    net.hybridize(active=False)
    np.testing.assert_array_equal(after, net(image)[1].asnumpy())
    assert (before != after).any()
