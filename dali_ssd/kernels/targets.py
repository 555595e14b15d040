"""Targets: the object that each anchor is trained on, and its offset from the anchor.

SSD paper, section 2.2, as implemented by GluonCV's `SSDTargetGenerator`. An anchor is positive for a box, in this
order of precedence, if
1. bipartite matching gives it to the box: the pair of highest IoU among all free boxes and anchors, then the next, ...
2. it ties: the box is the anchor's best, and its IoU equals the highest that the box has with any anchor,
3. the box is the anchor's best, with IoU >= 0.5.
Ties are common (a small box inside many equal anchors) and decided in float32, so IoU is computed as
`mx.nd.contrib.box_iou` does: float32, pixel corners, the same order of operations, no fused multiply-add.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from dali_ssd.config import TargetConfig
from dali_ssd.errors import ConfigError
from dali_ssd.kernels.compile import kernel_function, pack_arrays, pack_record, unpack_array, unpack_record

__all__ = [
    "AnchorTables",
    "anchor_corners",
    "anchor_tables",
    "as_center_anchors",
    "best_anchors",
    "encode_image",
    "target_settings",
]

BLOCK = 32
"""Anchors that are compared, or skipped, together: those of a few neighboring cells."""

_TIE = np.float32(1e-12)
"""GluonCV's tolerance for "equal"; in float32 it separates nothing but zeros."""

MATCHING_SETTINGS = np.dtype([("iou_threshold", np.float32), ("stds", np.float32, 4)])
"""The options that the kernel needs."""

_BLOCKS, _BOUNDS, _MATCHING = range(3)
"""Position of each array in the packed settings."""


def as_center_anchors(anchors: Any) -> npt.NDArray[np.float32]:
    """Return anchors as `(N, 4) float32`, center format in pixels, from an array or NDArray `(N, 4)` or `(1, N, 4)`.

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
    """Return the corners `(N, 4)` of center anchors (N, 4), in float32 as GluonCV computes them."""
    half = anchors[:, 2:] * np.float32(0.5)
    return np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1)


class AnchorTables(NamedTuple):
    """The kernel's tables of N anchors, in n blocks of `BLOCK` that lie close together."""

    blocks: npt.NDArray[np.float32]
    """(n, 5, BLOCK): corners and area; the last block is filled up with anchors that no box can overlap."""
    bounds: npt.NDArray[np.float32]
    """(n, 4): the corners around all anchors of each block."""
    centers: npt.NDArray[np.float32]
    """(N, 4): center, width, height, from the corners again as in GluonCV's encoder, which differs in rounding."""


def anchor_tables(anchors: npt.NDArray[np.float32]) -> AnchorTables:
    """Return the tables of center anchors (N, 4)."""
    corners = anchor_corners(anchors)
    size = corners[:, 2:] - corners[:, :2]
    centers = np.concatenate([corners[:, :2] + size * np.float32(0.5), size], axis=1)
    columns = np.concatenate([corners, size[:, :1] * size[:, 1:]], axis=1)
    nowhere = np.array([np.inf, np.inf, -np.inf, -np.inf, 1], np.float32)
    filled = np.concatenate([columns, np.tile(nowhere, (-len(anchors) % BLOCK, 1))]).reshape(-1, BLOCK, 5)
    bounds = np.concatenate([filled[:, :, :2].min(axis=1), filled[:, :, 2:4].max(axis=1)], axis=1)
    return AnchorTables(np.ascontiguousarray(filled.transpose(0, 2, 1)), bounds, centers)


@kernel_function
def encode_image(cls_targets, box_targets, objects, centers, settings):  # type: ignore[no-untyped-def]
    """Fill `cls_targets` (N,) and `box_targets` (N, 4) for the objects (m, 5+) whose id is not negative."""
    blocks = unpack_array(settings, _BLOCKS).reshape(-1, 5, BLOCK)
    bounds = unpack_array(settings, _BOUNDS).reshape(-1, 4)
    matching = unpack_record(settings, _MATCHING, MATCHING_SETTINGS)
    threshold, stds = matching.iou_threshold, matching.stds
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
                _assign(cls_targets, box_targets, begin + k, objects[box], centers, stds)
    for box in range(count):  # a box's own anchor is trained on it, whatever else it overlaps
        if own[box] >= 0:
            _assign(cls_targets, box_targets, own[box], objects[box], centers, stds)


@kernel_function
def best_anchors(iou, where, boxes, settings):  # type: ignore[no-untyped-def]
    """Write the highest IoU that each box (m, 4) has with any anchor, (m,), and the first anchor that has it, (m,).

    Those are 0 and -1 for a box that no anchor overlaps.
    """
    blocks = unpack_array(settings, _BLOCKS).reshape(-1, 5, BLOCK)
    bounds = unpack_array(settings, _BOUNDS).reshape(-1, 4)
    taken = np.zeros(blocks.shape[0] * BLOCK, np.bool_)
    for i in range(boxes.shape[0]):
        iou[i], where[i] = _best_free(boxes[i], blocks, bounds, taken)


def target_settings(
    anchors: npt.NDArray[np.float32], config: TargetConfig
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the kernel's inputs besides the objects: centers `(N, 4)`, whose shape it needs, and settings."""
    blocks, bounds, centers = anchor_tables(anchors)
    matching = pack_record(MATCHING_SETTINGS, config.iou_threshold, config.stds)
    return centers, pack_arrays(blocks, bounds, matching)


@kernel_function
def _block_iou(box, area, block, iou):  # type: ignore[no-untyped-def]
    """Write iou (BLOCK,) of a box and the anchors of a block (5, BLOCK); without branches, so that it is vectorized."""
    x0, y0, x1, y1 = box[0], box[1], box[2], box[3]
    for k in range(BLOCK):
        width = max(min(block[2, k], x1) - max(block[0, k], x0), np.float32(0))
        height = max(min(block[3, k], y1) - max(block[1, k], y0), np.float32(0))
        shared = width * height
        iou[k] = shared / (block[4, k] + area - shared)


@kernel_function
def _apart(box, bounds):  # type: ignore[no-untyped-def]
    return box[0] >= bounds[2] or box[2] <= bounds[0] or box[1] >= bounds[3] or box[3] <= bounds[1]


@numba.njit(error_model="numpy", fastmath={"nnan", "nsz"})
def _largest(values):  # type: ignore[no-untyped-def]
    largest = values[0]
    for k in range(BLOCK):
        largest = max(largest, values[k])
    return largest


@kernel_function
def _update_best(box, index, blocks, bounds, best_iou, best_box):  # type: ignore[no-untyped-def]
    """Update the best box so far of all anchors near a box; return its highest IoU and the first anchor that has it.

    `best_iou` and `best_box` are (n, BLOCK); (0, -1) is returned if no anchor overlaps the box.
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


@kernel_function
def _best_free(box, blocks, bounds, taken):  # type: ignore[no-untyped-def]
    """Return a box's highest IoU with anchors that are not taken, and the first anchor that has it; (0, -1) if none."""
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


@kernel_function
def _match_bipartite(boxes, blocks, bounds, best_iou, best_box, highest):  # type: ignore[no-untyped-def]
    """Assign each box an anchor of its own, best pairs first; -1 if it overlaps none that is free.

    Also fills in each anchor's best box, and each box's highest IoU.
    """
    count = boxes.shape[0]
    iou, where = np.zeros(count, np.float32), np.full(count, -1)
    for i in range(count):
        iou[i], where[i] = _update_best(boxes[i], np.int32(i), blocks, bounds, best_iou, best_box)
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


@kernel_function
def _assign(cls_targets, box_targets, n, box, centers, stds):  # type: ignore[no-untyped-def]
    """Assign a box to anchor n: center-offset encoding (SSD paper, section 2.2), both in pixels."""
    target, center = box_targets[n], centers[n]
    width, height = box[2] - box[0], box[3] - box[1]
    half = np.float32(0.5)
    cls_targets[n] = box[4] + 1
    target[0] = (box[0] + width * half - center[0]) / center[2] / stds[0]
    target[1] = (box[1] + height * half - center[1]) / center[3] / stds[1]
    target[2] = np.log(width / center[2]) / stds[2]
    target[3] = np.log(height / center[3]) / stds[3]
