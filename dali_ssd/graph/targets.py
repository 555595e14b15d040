"""Targets: which anchors learn which object, and how far off they are.

SSD paper, section 2.2, as GluonCV's `SSDTargetGenerator` understands it. An anchor is positive for a box, in this
order of precedence, if
1. bipartite matching gave it to the box: the pair of highest IoU among all free boxes and anchors, then the next, ...
2. it ties: the box is the anchor's best, and its IoU equals the highest that the box has with any anchor,
3. the box is the anchor's best, with IoU >= 0.5.
Ties are common (a small box inside many equal anchors) and decided in float32, so IoU is computed as
`mx.nd.contrib.box_iou` does: float32, pixel corners, the same order of operations, no fused multiply-add.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from dali_ssd.config import TargetConfig
from dali_ssd.errors import ConfigError
from dali_ssd.graph.kernel import RUN, SETUP, Kernel, compiled, dims, inner, joined, matrix, part, vector
from dali_ssd.graph.plan import COUNT

__all__ = [
    "AnchorTables",
    "anchor_corners",
    "anchor_tables",
    "as_center_anchors",
    "encode",
    "encode_targets",
    "target_kernel",
]

BLOCK = 32
"""Anchors that are looked at, or passed over, together: those of a few neighboring cells."""

_TIE = np.float32(1e-12)
"""GluonCV's tolerance for "equal"; in float32 it separates nothing but zeros."""


def as_center_anchors(anchors: Any) -> npt.NDArray[np.float32]:
    """Anchors as `(N, 4) float32`, center format in pixels, from an array or NDArray `(N, 4)` or `(1, N, 4)`.

    Raises:
        ConfigError: any other shape, or an anchor that is not finite or has no area.
    """
    try:
        array = np.asarray(anchors.asnumpy() if hasattr(anchors, "asnumpy") else anchors, np.float32)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"anchors must be an array (1, N, 4) or (N, 4), not {anchors!r:.80}") from error
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2 or array.shape[1] != 4 or array.shape[0] == 0:
        raise ConfigError(f"anchors must have the shape (1, N, 4) or (N, 4), not {array.shape}")
    if not np.isfinite(array).all() or not (array[:, 2:] > 0).all():
        raise ConfigError("anchors must be finite center_x center_y width height in pixels, with width and height > 0")
    return np.ascontiguousarray(array)


def anchor_corners(anchors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Corners `(N, 4)` of center anchors (N, 4), in float32 as GluonCV computes them."""
    half = anchors[:, 2:] * np.float32(0.5)
    return np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1)


class AnchorTables(NamedTuple):
    """What the kernel needs of N anchors, in n blocks of `BLOCK` that lie close together."""

    blocks: npt.NDArray[np.float32]
    """(n, 5, BLOCK): corners and area; the last block is filled up with anchors that nothing can meet."""
    bounds: npt.NDArray[np.float32]
    """(n, 4): the corners around all anchors of each block."""
    centers: npt.NDArray[np.float32]
    """(N, 4): center, width, height, from the corners again as in GluonCV's encoder, which differs in rounding."""


def anchor_tables(anchors: npt.NDArray[np.float32]) -> AnchorTables:
    """Tables of center anchors (N, 4)."""
    corners = anchor_corners(anchors)
    size = corners[:, 2:] - corners[:, :2]
    centers = np.concatenate([corners[:, :2] + size * np.float32(0.5), size], axis=1)
    columns = np.concatenate([corners, size[:, :1] * size[:, 1:]], axis=1)
    nowhere = np.array([np.inf, np.inf, -np.inf, -np.inf, 1], np.float32)
    filled = np.concatenate([columns, np.tile(nowhere, (-len(anchors) % BLOCK, 1))]).reshape(-1, BLOCK, 5)
    bounds = np.concatenate([filled[:, :, :2].min(axis=1), filled[:, :, 2:4].max(axis=1)], axis=1)
    return AnchorTables(np.ascontiguousarray(filled.transpose(0, 2, 1)), bounds, centers)


@inner
def _block_iou(box, area, block, iou):  # type: ignore[no-untyped-def]
    """iou (BLOCK,) of a box and the anchors of a block (5, BLOCK); without branches, so that it is vectorized."""
    x0, y0, x1, y1 = box[0], box[1], box[2], box[3]
    for k in range(BLOCK):
        width = max(min(block[2, k], x1) - max(block[0, k], x0), np.float32(0))
        height = max(min(block[3, k], y1) - max(block[1, k], y0), np.float32(0))
        shared = width * height
        iou[k] = shared / (block[4, k] + area - shared)


@inner
def _apart(box, bounds):  # type: ignore[no-untyped-def]
    return box[0] >= bounds[2] or box[2] <= bounds[0] or box[1] >= bounds[3] or box[3] <= bounds[1]


@numba.njit(error_model="numpy", fastmath={"nnan", "nsz"})
def _largest(values):  # type: ignore[no-untyped-def]
    largest = values[0]
    for k in range(BLOCK):
        largest = max(largest, values[k])
    return largest


@inner
def _meet(box, index, blocks, bounds, best_iou, best_box):  # type: ignore[no-untyped-def]
    """Update the best box so far of all anchors near a box; return its highest IoU and the first anchor that has it.

    `best_iou` and `best_box` are (n, BLOCK); (0, -1) is returned where no anchor meets the box.
    """
    area = (box[2] - box[0]) * (box[3] - box[1])
    highest, where = np.float32(0), -1
    iou = np.empty(BLOCK, np.float32)
    for block in range(blocks.shape[0]):
        if _apart(box, bounds[block]):
            continue
        _block_iou(box, area, blocks[block], iou)
        best, owner = best_iou[block], best_box[block]
        for k in range(BLOCK):
            better = iou[k] > best[k]
            best[k] = iou[k] if better else best[k]
            owner[k] = index if better else owner[k]
        if _largest(iou) > highest:
            for k in range(BLOCK):
                if iou[k] > highest:
                    highest, where = iou[k], block * BLOCK + k
    return highest, where


@inner
def _best_free(box, blocks, bounds, taken):  # type: ignore[no-untyped-def]
    """A box's highest IoU with the anchors that are not taken, and the first that has it; (0, -1) if there is none."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    highest, where = np.float32(0), -1
    iou = np.empty(BLOCK, np.float32)
    for block in range(blocks.shape[0]):
        if _apart(box, bounds[block]):
            continue
        _block_iou(box, area, blocks[block], iou)
        for k in range(BLOCK):
            if iou[k] > highest and not taken[block * BLOCK + k]:
                highest, where = iou[k], block * BLOCK + k
    return highest, where


@inner
def _match_bipartite(boxes, blocks, bounds, best_iou, best_box, highest):  # type: ignore[no-untyped-def]
    """Give each box an anchor of its own, best pairs first; -1 where it meets none that is free.

    Also fills each anchor's best box, and each box's highest IoU.
    """
    count = boxes.shape[0]
    iou, where = np.zeros(count, np.float32), np.full(count, -1)
    for i in range(count):
        iou[i], where[i] = _meet(boxes[i], np.int32(i), blocks, bounds, best_iou, best_box)
        highest[i] = iou[i]
    own, taken = np.full(count, -1), np.zeros(best_iou.size, np.bool_)
    for _ in range(count):
        chosen = -1
        for i in range(count):
            if own[i] >= 0 or where[i] < 0:
                continue
            # Equal pairs go by anchor, then by box: the order of a stable sort of the (anchor, box) table.
            if chosen < 0 or iou[i] > iou[chosen] or (iou[i] == iou[chosen] and where[i] < where[chosen]):
                chosen = i
        if chosen < 0:
            break
        own[chosen] = where[chosen]
        taken[own[chosen]] = True
        for i in range(count):
            if own[i] < 0 and where[i] == own[chosen]:
                iou[i], where[i] = _best_free(boxes[i], blocks, bounds, taken)
    return own


@inner
def _teach(cls_targets, box_targets, n, box, centers, stds):  # type: ignore[no-untyped-def]
    """Anchor n learns a box: center-offset encoding (SSD paper, section 2.2), both in pixels."""
    target, center = box_targets[n], centers[n]
    width, height = box[2] - box[0], box[3] - box[1]
    half = np.float32(0.5)
    cls_targets[n] = box[4] + 1
    target[0] = (box[0] + width * half - center[0]) / center[2] / stds[0]
    target[1] = (box[1] + height * half - center[1]) / center[3] / stds[1]
    target[2] = np.log(width / center[2]) / stds[2]
    target[3] = np.log(height / center[3]) / stds[3]


@inner
def _encode(cls_targets, box_targets, objects, centers, settings):  # type: ignore[no-untyped-def]
    """Fill `cls_targets` (N,) and `box_targets` (N, 4) for the objects (m, 5+) whose id is not negative."""
    blocks, bounds = part(settings, 0).reshape(-1, 5, BLOCK), part(settings, 1).reshape(-1, 4)
    threshold, stds = part(settings, 2)[0], part(settings, 3)
    count = 0
    while count < objects.shape[0] and objects[count, 4] >= 0:
        count += 1
    best_iou = np.zeros((blocks.shape[0], BLOCK), np.float32)
    best_box, highest = np.zeros(best_iou.shape, np.int32), np.zeros(count, np.float32)
    own = _match_bipartite(objects[:count], blocks, bounds, best_iou, best_box, highest)
    cls_targets[:] = 0
    box_targets[:] = 0
    least = threshold
    for iou in highest:
        least = min(least, iou) if iou > 0 else least
    for block in range(blocks.shape[0]):
        if _largest(best_iou[block]) + _TIE < least:  # as in most blocks
            continue
        begin = block * BLOCK
        for k in range(min(BLOCK, centers.shape[0] - begin)):
            iou, box = best_iou[block, k], best_box[block, k]
            if iou > 0 and (iou + _TIE >= highest[box] or iou >= threshold):
                _teach(cls_targets, box_targets, begin + k, objects[box], centers, stds)
    for box in range(count):  # a box's own anchor learns it, whatever else it meets
        if own[box] >= 0:
            _teach(cls_targets, box_targets, own[box], objects[box], centers, stds)


@functools.cache
def target_kernel() -> Kernel:
    """objects (m, 5+), centers of the anchors (N, 4), settings -> cls_targets (N,), box_targets (N, 4)."""

    def run_callback(digest: str) -> Callable[..., None]:
        def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):  # type: ignore[no-untyped-def]
            digest  # noqa: B018
            _encode(
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


def _constants(anchors: npt.NDArray[np.float32], targets: TargetConfig) -> tuple[npt.NDArray[np.float32], ...]:
    """What the kernel takes besides the objects: centers, whose shape it needs to know, and settings."""
    blocks, bounds, centers = anchor_tables(anchors)
    return centers, joined(blocks, bounds, targets.iou_threshold, targets.stds)


def encode(
    objects: Any, plans: Any, anchors: npt.NDArray[np.float32], targets: TargetConfig, size: int, *, device: str
) -> tuple[Any, Any]:
    """Targets of each image.

    Args:
        objects: `(m, 5) float32` xmin ymin xmax ymax id in network pixels, rows of -1 after the last; on the host.
        plans: of the same images, on the host.
        anchors: `(N, 4) float32` center format in network pixels.
        size: side of the network input in pixels.

    Returns:
        cls_targets `(N,) float32`: 0 background, else id + 1; box_targets `(N, 4) float32`, 0 where not positive; both
        on `device`.
    """
    if targets.targets == "box_encoder":
        from nvidia.dali import fn, types

        count = fn.cast(plans[COUNT], dtype=types.INT32)
        return _encode_with_operator(objects[0:count], anchors, targets, size, device)
    if device == "gpu":
        from dali_ssd.graph.targets_cuda import encode_on_device, is_available

        if is_available():
            return encode_on_device(objects, anchor_tables(anchors), targets)
    from nvidia.dali import types

    constants = [types.Constant(value, device="cpu") for value in _constants(anchors, targets)]
    cls_targets, box_targets = target_kernel().in_graph(objects, *constants)
    # Where Numba cannot reach the GPU the host encodes: 0.02 to 0.06 ms an image, and 175 kB of targets to copy.
    return (cls_targets.gpu(), box_targets.gpu()) if device == "gpu" else (cls_targets, box_targets)


def _encode_with_operator(
    objects: Any, anchors: npt.NDArray[np.float32], targets: TargetConfig, size: int, device: str
) -> tuple[Any, Any]:
    """DALI's operator, which knows neither ties nor bipartite matching; see `TargetConfig.targets`."""
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


def encode_targets(
    boxes: npt.ArrayLike, class_ids: npt.ArrayLike, anchors: Any, config: TargetConfig | None = None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Training targets of one image, by the very kernel that the CPU pipeline runs.

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
        objects, *_constants(as_center_anchors(anchors), config or TargetConfig())
    )
    return cls_targets, box_targets
