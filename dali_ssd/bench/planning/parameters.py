"""The parameters of a network, counted in the network itself."""

from __future__ import annotations

import math

from dali_ssd.errors import MissingDependencyError
from dali_ssd.util.optional import require

__all__ = ["count_parameters"]


def count_parameters(network: str, data_shape: int, classes: int) -> int:
    """Build an SSD and return how many numbers its gradients have: running means have none.

    Raises MissingDependencyError without MXNet and GluonCV, and ConfigError, which lists the choices, if there is no
    such network.
    """
    try:
        mx = require("mxnet")
        require("gluoncv")
    except MissingDependencyError as error:
        text = f"{error}; or say in --plan how many parameters the network has, such as parameters=34.3 (millions)"
        raise MissingDependencyError(text, name=error.name) from error
    from dali_ssd.gluon.networks.zoo import build_network, initialize

    net = build_network(network, data_shape, [f"class {number}" for number in range(classes)])
    initialize(net, [mx.cpu()], data_shape)
    return sum(math.prod(one.shape) for one in net.collect_params().values() if one.grad_req != "null")
