"""Targets: what each anchor is trained on, as operators of a graph, and for NumPy arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dali_ssd.config import TargetConfig
from dali_ssd.errors import ConfigError
from dali_ssd.graph.callback import RUN, SETUP, Kernel, compiled, dims, matrix, vector
from dali_ssd.graph.where import Where
from dali_ssd.kernels.plan import COUNT
from dali_ssd.kernels.targets import (
    anchor_corners,
    as_center_anchors,
    best_anchors,
    encode_image,
    target_settings,
)

__all__ = ["best_anchor_kernel", "encode", "encode_targets", "host_targets", "padded_objects", "target_kernel"]


@functools.cache
def target_kernel() -> Kernel:
    """Return the kernel of objects (m, 5+), centers of anchors (N, 4), settings -> cls_targets (N,), box_targets."""

    def run_callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            encode_image(
                vector(outs, out_shapes, 0, np.float32),
                matrix(outs, out_shapes, 1, np.float32),
                matrix(ins, in_shapes, 0, np.float32),
                matrix(ins, in_shapes, 1, np.float32),
                vector(ins, in_shapes, 2, np.float32),
            )

        return run

    def setup_callback(digest: str) -> Callable[..., None]:
        def setup(out_shapes, out_ndims, num_outs, in_shapes, in_ndims, num_ins, samples):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            for sample in range(samples):
                anchors = dims(in_shapes, 1, sample, samples, 2)[0]
                dims(out_shapes, 0, sample, samples, 1)[0] = anchors
                boxes = dims(out_shapes, 1, sample, samples, 2)
                boxes[0], boxes[1] = anchors, 4

        return setup

    ins = (("float32", 2), ("float32", 2), ("float32", 1))
    outs = (("float32", 1), ("float32", 2))
    return Kernel(compiled(RUN, run_callback), compiled(SETUP, setup_callback), ins, outs)


@functools.cache
def best_anchor_kernel() -> Kernel:
    """Return the kernel of boxes (m, 4), settings -> highest IoU of each with an anchor (m,), and that anchor (m,)."""

    def run_callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            best_anchors(
                vector(outs, out_shapes, 0, np.float32),
                vector(outs, out_shapes, 1, np.int32),
                matrix(ins, in_shapes, 0, np.float32),
                vector(ins, in_shapes, 1, np.float32),
            )

        return run

    def setup_callback(digest: str) -> Callable[..., None]:
        def setup(out_shapes, out_ndims, num_outs, in_shapes, in_ndims, num_ins, samples):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            for sample in range(samples):
                boxes = dims(in_shapes, 0, sample, samples, 2)[0]
                dims(out_shapes, 0, sample, samples, 1)[0] = boxes
                dims(out_shapes, 1, sample, samples, 1)[0] = boxes

        return setup

    ins, outs = (("float32", 2), ("float32", 1)), (("float32", 1), ("int32", 1))
    return Kernel(compiled(RUN, run_callback), compiled(SETUP, setup_callback), ins, outs)


def encode(
    objects: Any, plans: Any, anchors: npt.NDArray[np.float32], targets: TargetConfig, size: int, *, where: Where
) -> tuple[Any, ...]:
    """Return the targets of each image.

    Args:
        objects: `(m, 5) float32` xmin ymin xmax ymax id in network pixels, rows of -1 after the last; on the host.
        plans: of the same images, on the host.
        anchors: `(N, 4) float32` center format in network pixels.
        size: side of the network input in pixels.

    Returns:
        cls_targets `(N,) float32`: 0 background, else id + 1; box_targets `(N, 4) float32`, 0 where not positive; both
        on `where.device`. Or, for `boxes`, the objects alone, `(M, 5)` with M of the batch, on the host: they are made
        there, and how many rows an image has must be known there to divide them.
    """
    if targets.targets == "boxes":
        return (padded_objects(objects),)
    if targets.targets == "box_encoder":
        from nvidia.dali import fn, types

        count = fn.cast(plans[COUNT], dtype=types.INT32)
        return _encode_with_operator(objects[0:count], anchors, targets, size, where.device)
    if where.plugin:
        from dali_ssd.graph.plugin_ops import encode_with_plugin

        return encode_with_plugin(objects, anchors, targets, device=where.device)
    cls_targets, box_targets = _encode_on_host(objects, anchors, targets)
    # For a GPU without the plugin the host encodes as well: 0.02 to 0.06 ms per image, and 175 kB of targets to copy.
    return (cls_targets.gpu(), box_targets.gpu()) if where.device == "gpu" else (cls_targets, box_targets)


def host_targets(
    objects: Any, anchors: npt.NDArray[np.float32], targets: TargetConfig, *, where: Where
) -> tuple[Any, ...]:
    """Return what of `encode` the host makes for a GPU: its targets, or nothing if an operator there makes them."""
    if targets.targets == "boxes":
        return (padded_objects(objects),)
    elsewhere = where.plugin or targets.targets == "box_encoder"
    return () if elsewhere else _encode_on_host(objects, anchors, targets)


def padded_objects(objects: Any) -> Any:
    """Return the objects of each image with further rows of -1, so that all images of a batch have the same number."""
    from nvidia.dali import fn

    return fn.pad(objects, fill_value=-1)


def encode_targets(
    boxes: npt.ArrayLike, class_ids: npt.ArrayLike, anchors: Any, config: TargetConfig | None = None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the training targets of one image, by the same kernel that the CPU pipeline runs.

    Args:
        boxes: `(M, 4)` xmin ymin xmax ymax in network pixels; M may be 0.
        class_ids: `(M,)` from 0.
        anchors: `(N, 4)` or `(1, N, 4)`, center format in network pixels.
        config: IoU threshold and stds; default: GluonCV's.

    Returns:
        cls_targets `(N,) float32` and box_targets `(N, 4) float32`.

    Raises:
        ConfigError: arrays of other shapes, boxes without area or not finite, a negative class id.
    """
    corners = np.asarray(boxes, np.float32).reshape(-1, 4) if np.size(boxes) == 0 else np.asarray(boxes, np.float32)
    ids = np.asarray(class_ids, np.float32)
    if corners.ndim != 2 or corners.shape[1] != 4 or ids.shape != corners.shape[:1]:
        raise ConfigError(f"boxes must be (M, 4) and class_ids (M,), not {corners.shape} and {ids.shape}")
    if not np.isfinite(corners).all() or not (corners[:, :2] < corners[:, 2:]).all():
        raise ConfigError("boxes must be finite, with xmin < xmax and ymin < ymax")
    if not (ids >= 0).all():
        raise ConfigError("class ids must be 0 or greater")
    objects = np.concatenate([corners, ids[:, None]], axis=1)
    cls_targets, box_targets = target_kernel().on_arrays(
        objects, *target_settings(as_center_anchors(anchors), config or TargetConfig())
    )
    return cls_targets, box_targets


def _encode_on_host(objects: Any, anchors: npt.NDArray[np.float32], targets: TargetConfig) -> tuple[Any, Any]:
    from nvidia.dali import types

    constants = [types.Constant(value, device="cpu") for value in target_settings(anchors, targets)]
    cls_targets, box_targets = target_kernel().in_graph(objects, *constants)
    return cls_targets, box_targets


def _encode_with_operator(
    objects: Any, anchors: npt.NDArray[np.float32], targets: TargetConfig, size: int, device: str
) -> tuple[Any, Any]:
    """Encode by DALI's operator, which has neither ties nor bipartite matching; see `TargetConfig.targets`."""
    from nvidia.dali import fn, types

    if device == "gpu":
        objects = objects.gpu()
    boxes, labels = fn.box_encoder(
        objects[:, 0:4] / float(size),
        fn.cast(objects[:, 4] + 1.0, dtype=types.INT32),
        anchors=(anchor_corners(anchors) / size).ravel().tolist(),
        criteria=targets.iou_threshold,
        stds=list(targets.stds),
        offset=True,
        scale=size,
    )
    return fn.cast(labels, dtype=types.FLOAT), boxes
