from __future__ import annotations

import pytest

from dali_ssd.bench.planning.parameters import count_parameters
from dali_ssd.errors import ConfigError

pytest.importorskip("gluoncv")


def test_parameters_of_ssd300_are_those_of_its_layers() -> None:
    """Worked out by hand from the shapes of the convolutions, as weights and biases."""

    def conv(before: int, after: int, kernel: int) -> int:
        return before * after * kernel**2 + after

    backbone = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
    backbone += [(256, 512), (512, 512), (512, 512), (512, 512), (512, 512), (512, 512)]
    numbers = sum(conv(before, after, 3) for before, after in backbone)
    numbers += conv(512, 1024, 3) + conv(1024, 1024, 1) + 512  # fc6, fc7, and the scale of the first map's norm
    for before, between, after in ((1024, 256, 512), (512, 128, 256), (256, 128, 256), (256, 128, 256)):
        numbers += conv(before, between, 1) + conv(between, after, 3)
    for channels, anchors in ((512, 4), (1024, 6), (512, 6), (256, 6), (256, 4), (256, 4)):
        numbers += conv(channels, anchors * 21, 3) + conv(channels, anchors * 4, 3)
    assert count_parameters("vgg16_atrous", 300, 20) == numbers == 26_285_486


def test_running_means_and_anchors_have_no_gradients() -> None:
    import mxnet as mx

    from dali_ssd.gluon.networks.zoo import build_network, initialize

    net = build_network("mobilenet0.25", 128, ["a", "b"])
    initialize(net, [mx.cpu()], 128)
    sizes = {name: one.data().size for name, one in net.collect_params().items()}
    fixed = {
        name: size for name, size in sizes.items() if "running_" in name or "moving_" in name or "_anchor_" in name
    }
    assert len(fixed) == 54 + 8 + 5
    assert count_parameters("mobilenet0.25", 128, 2) == sum(sizes.values()) - sum(fixed.values())


def test_a_network_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="there are: "):
        count_parameters("vgg19", 300, 20)
