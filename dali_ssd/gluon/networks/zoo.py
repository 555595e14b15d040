"""SSD networks by backbone and input size: GluonCV's zoo, and those of `OWN_NETWORKS`."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import mxnet as mx
from gluoncv.model_zoo.ssd import presets
from gluoncv.nn.predictor import ConvPredictor
from mxnet.gluon import nn

from dali_ssd.config import TargetConfig
from dali_ssd.errors import ConfigError
from dali_ssd.gluon.networks.concat_fix import join_without_leak
from dali_ssd.gluon.networks.mobilenet import SMALL_NETWORKS
from dali_ssd.gluon.networks.naming import ZOO_NAME

__all__ = [
    "OWN_NETWORKS",
    "anchors_of",
    "available_networks",
    "build_network",
    "for_scoring",
    "for_training",
    "initialize",
    "require_network",
]

NMS_THRESHOLD = 0.45
"""IoU above which the lower-scored of two detections is dropped; GluonCV's scoring setting."""
NMS_TOPK = 400
"""Detections per image that enter the suppression; GluonCV's scoring setting."""
OWN_NETWORKS: dict[tuple[str, int], Callable[..., Any]] = {**SMALL_NETWORKS}
"""Builders of networks that GluonCV's zoo lacks or has in another form, by (backbone, data shape).

Each takes `classes`, a list of names, and GluonCV's keyword arguments: `pretrained_base`, `stds`, `norm_layer`,
`norm_kwargs`.
"""
_GRAPH = ("_cached_graph", "_cached_op", "_cached_op_args", "_in_format", "_out_format")
"""Attributes that hold the compiled graph of a block in MXNet 1.9.1, the last release."""
_PREFERENCE = ("custom", "voc", "coco")


@dataclass
class _Graphs:
    """The compiled graphs of a network."""

    mode: str = ""
    """Mode of the graph in use; empty: neither."""
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Graphs by mode, from when the mode was last left."""


_graphs: WeakKeyDictionary[Any, _Graphs] = WeakKeyDictionary()


def available_networks() -> dict[tuple[str, int], Callable[..., Any]]:
    """Return builders by (backbone, data shape); each takes `classes` and GluonCV's keyword arguments."""
    found: dict[tuple[str, int], dict[str, str]] = {}
    for function in presets.__all__:
        match = ZOO_NAME.fullmatch(function)
        if match:
            # Functions cannot be called mobilenet0.25, so they are called mobilenet0_25.
            backbone = re.sub(r"(?<=mobilenet\d)_", ".", match[2])
            found.setdefault((backbone, int(match[1])), {})[match[3]] = function
    networks: dict[tuple[str, int], Callable[..., Any]] = {}
    for key, functions in found.items():
        kind = next(kind for kind in _PREFERENCE if kind in functions)
        preset = getattr(presets, functions[kind])
        networks[key] = preset if kind == "custom" else functools.partial(_with_classes, preset)
    return dict(sorted((networks | OWN_NETWORKS).items()))


def require_network(network: str, data_shape: int) -> Callable[..., Any]:
    """Return the builder of a network. Raises ConfigError, which lists the choices, if there is none of this size."""
    networks = available_networks()
    if (network, data_shape) not in networks:
        known = ", ".join(f"{name} {size}" for name, size in networks)
        raise ConfigError(f"no SSD of {data_shape} pixels with --network {network}; there are: {known}")
    return networks[network, data_shape]


def build_network(
    network: str,
    data_shape: int,
    classes: Sequence[str],
    *,
    stds: Sequence[float] = TargetConfig.stds,
    pretrained_base: bool = False,
    sync_devices: int = 0,
) -> Any:
    """Build an SSD whose parameters are not initialized yet, except a pretrained base.

    `stds` are those of the box targets; predictions are multiplied by them. `sync_devices` > 1 normalizes over the
    batches of that many devices together. Raises ConfigError, which lists the choices, if there is no network of this
    backbone and size.
    """
    builder = require_network(network, data_shape)
    if not classes:
        raise ConfigError("a network needs at least one class name")
    options: dict[str, Any] = {"stds": tuple(stds), "norm_layer": nn.BatchNorm}
    if sync_devices > 1:
        sync_norm = mx.gluon.contrib.nn.SyncBatchNorm
        options |= {"norm_layer": sync_norm, "norm_kwargs": {"num_devices": sync_devices}}
    with warnings.catch_warnings():
        # MXNet warns because GluonCV infers the types of a graph before its input has one.
        warnings.filterwarnings("ignore", message="Cannot decide type for the following arguments")
        net = builder(classes=list(classes), pretrained_base=pretrained_base, **options)
    join_without_leak(net)
    return net


def initialize(net: Any, ctx: Sequence[Any], data_shape: int) -> None:
    """Initialize all parameters without a value on the devices `ctx`; one forward pass finds their shapes."""
    with warnings.catch_warnings():
        # A pretrained base has its values already, and MXNet warns about each of them.
        warnings.filterwarnings("ignore", message=".*is already initialized")
        net.initialize(ctx=list(ctx))
    net.collect_params().reset_ctx(list(ctx))
    for device in ctx:
        net(mx.nd.zeros((1, 3, data_shape, data_shape), ctx=device))


def anchors_of(net: Any, data_shape: int) -> Any:
    """Return the anchors of an initialized network: (1, N, 4) float32 NDArray on the CPU, center format, in pixels.

    A forward pass in train mode returns the same numbers, but would feed zeros to the running means.
    """
    device = net.collect_params().list_ctx()[0]
    features = net.features(mx.nd.zeros((1, 3, data_shape, data_shape), ctx=device))
    anchors = [
        generate(feature).reshape((1, -1, 4)) for feature, generate in zip(features, net.anchor_generators, strict=True)
    ]
    return mx.nd.concat(*anchors, dim=1).as_in_context(mx.cpu())


def for_training(net: Any) -> None:
    """Make the network return the inputs of the loss: class and box predictions, and anchors."""
    _enter(net, "training")


def for_scoring(net: Any) -> None:
    """Make the network return detections, with GluonCV's suppression settings."""
    if _enter(net, "scoring"):
        net.set_nms(nms_thresh=NMS_THRESHOLD, nms_topk=NMS_TOPK)


def _enter(net: Any, mode: str) -> bool:
    """Switch to the graph of a mode; return True if there is none yet, so that the next call compiles it.

    A hybridized SSD keeps the graph of the mode that it ran in first. GluonCV's script compiles it again at each
    change, which frees and allocates hundreds of megabytes in different pieces, and malloc returns less of them each
    time: at 300 px the process grew from 1.0 to 2.1 GB in 60 epochs. So both graphs are kept and switched.
    """
    graphs = _graphs.setdefault(net, _Graphs())
    if graphs.mode == mode:
        return False
    graphs.kept[graphs.mode] = {name: net.__dict__[name] for name in _GRAPH if name in net.__dict__}
    graphs.mode = mode
    if mode in graphs.kept:
        net.__dict__.update(graphs.kept[mode])
        return False
    net.hybridize(static_alloc=True, static_shape=True)
    return True


def _with_classes(preset: Callable[..., Any], *, classes: list[str], **options: Any) -> Any:
    """Build a zoo network that only comes with the classes of VOC or COCO, and replace its classes."""
    net = preset(**options)
    net.classes = classes
    heads = nn.HybridSequential(prefix=net.class_predictors.prefix)
    with net.name_scope():
        for old, generator in zip(net.class_predictors, net.anchor_generators, strict=True):
            kernel, pad = (old.predictor._kwargs[name] for name in ("kernel", "pad"))
            channels = generator.num_depth * (len(classes) + 1)
            heads.add(ConvPredictor(channels, kernel=kernel, pad=pad, prefix=old.prefix))
        net.class_predictors = heads
        net.cls_decoder = type(net.cls_decoder)(len(classes) + 1, thresh=0.01)
    return net
