"""The exact encoder of `graph.targets` for a GPU: one thread block an image, the same matches to the tie.

Nothing is kept between the steps but one number a box: with thousands of threads it is cheaper to compute an IoU again
than to store it. The kernel is plain `numba.cuda`, so it also runs under Numba's simulator, where the tests check it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import cuda, float32

from dali_ssd.config import TargetConfig
from dali_ssd.graph.targets import BLOCK, AnchorTables

__all__ = ["MAX_OBJECTS", "THREADS", "corners_of", "encode_image", "encode_on_device", "is_available"]

THREADS = 256
"""Threads of a block; a power of two, for the reduction."""
MAX_OBJECTS = 1024
"""Objects of an image that are matched; what a block has shared memory for."""


@cuda.jit(device=True)
def _iou(box, corners, n):  # type: ignore[no-untyped-def]
    """IoU as `graph.targets` computes it.

    Products go through float64, where those of float32 are exact: else the compiler would fuse them with the
    subtraction that follows, and ties would fall differently.
    """
    width = min(corners[2, n], box[2]) - max(corners[0, n], box[0])
    height = min(corners[3, n], box[3]) - max(corners[1, n], box[1])
    if width <= 0 or height <= 0:
        return float32(0)
    shared = float32(float(width) * float(height))
    area = float32(float(box[2] - box[0]) * float(box[3] - box[1]))
    return float32(shared / (corners[4, n] + area - shared))


@cuda.jit(device=True)
def _best(box, corners, owner, values, places):  # type: ignore[no-untyped-def]
    """All threads: the highest IoU of a box with anchors that have no owner, and the first such anchor, in slot 0."""
    thread = cuda.threadIdx.x
    value, place = float32(0), -1
    for n in range(thread, owner.size, THREADS):
        if owner[n] >= 0:
            iou = _iou(box, corners, n)
            if iou > value:
                value, place = iou, n
    values[thread], places[thread] = value, place
    cuda.syncthreads()
    half = THREADS // 2
    while half > 0:
        if thread < half and _goes_first(values[thread + half], places[thread + half], values[thread], places[thread]):
            values[thread], places[thread] = values[thread + half], places[thread + half]
        cuda.syncthreads()
        half //= 2


@cuda.jit(device=True)
def _goes_first(iou, place, other_iou, other_place):  # type: ignore[no-untyped-def]
    """Whether a pair comes before another: by IoU, then by anchor."""
    return place >= 0 and (iou > other_iou or (iou == other_iou and (other_place < 0 or place < other_place)))


@cuda.jit(device=True)
def _choose(count, iou, where):  # type: ignore[no-untyped-def]
    """The box of the best pair that is left, -1 if none is."""
    chosen = -1
    for i in range(count):
        if where[i] >= 0 and (chosen < 0 or _goes_first(iou[i], where[i], iou[chosen], where[chosen])):
            chosen = i
    return chosen


@cuda.jit(device=True)
def _write(target, box, center, settings):  # type: ignore[no-untyped-def]
    width, height = box[2] - box[0], box[3] - box[1]
    half = float32(0.5)
    target[0] = (box[0] + width * half - center[0]) / center[2] / settings[1]
    target[1] = (box[1] + height * half - center[1]) / center[3] / settings[2]
    target[2] = np.log(width / center[2]) / settings[3]
    target[3] = np.log(height / center[3]) / settings[4]


@cuda.jit(device=True)
def _match(count, objects, corners, owner, iou, where, values, places, pick):  # type: ignore[no-untyped-def]
    """All threads: give each box an anchor of its own, best pairs first; `owner` of that anchor becomes -1 - box."""
    thread = cuda.threadIdx.x
    for _ in range(count):
        if thread == 0:
            pick[0] = _choose(count, iou, where)
            pick[1] = where[pick[0]] if pick[0] >= 0 else -1
            if pick[0] >= 0:
                owner[pick[1]] = -1 - pick[0]
                where[pick[0]] = -1
        cuda.syncthreads()
        taken = pick[1]
        for i in range(count):
            if taken >= 0 and where[i] == taken:
                _best(objects[i], corners, owner, values, places)
                if thread == 0:
                    iou[i], where[i] = values[0], places[0]
            cuda.syncthreads()


@cuda.jit(device=True)
def _owner(n, count, objects, corners, matched, highest, threshold):  # type: ignore[no-untyped-def]
    """The box that anchor n learns: its match, or its best box where that ties or passes the threshold; else -1."""
    if matched < 0:
        return int(-1 - matched)
    best, best_box = float32(0), -1
    for i in range(count):
        value = _iou(objects[i], corners, n)
        if value > best:
            best, best_box = value, i
    if best_box >= 0 and (best >= highest[best_box] or best >= threshold):
        return best_box
    return -1


def encode_image(cls_targets, box_targets, objects, corners, centers, settings):  # type: ignore[no-untyped-def]
    """CUDA kernel of one block: fills `cls_targets` (N,) and `box_targets` (N, 4) of one image.

    objects (m, 5) xmin ymin xmax ymax id, a negative id ends the list; corners (5, N) and centers (N, 4) of the
    anchors; settings: IoU threshold and four stds. All float32.
    """
    # A line each: the simulator tells shared arrays apart by their line.
    values = cuda.shared.array(THREADS, np.float32)
    places = cuda.shared.array(THREADS, np.int32)
    iou = cuda.shared.array(MAX_OBJECTS, np.float32)
    where = cuda.shared.array(MAX_OBJECTS, np.int32)
    highest = cuda.shared.array(MAX_OBJECTS, np.float32)
    pick = cuda.shared.array(2, np.int32)
    thread = cuda.threadIdx.x
    count = 0
    while count < min(objects.shape[0], MAX_OBJECTS) and objects[count, 4] >= 0:
        count += 1
    for n in range(thread, cls_targets.size, THREADS):
        cls_targets[n] = 0  # until the end: -1 - box for an anchor that is some box's own, 0 for the others
    cuda.syncthreads()
    for i in range(count):
        _best(objects[i], corners, cls_targets, values, places)
        if thread == 0:
            iou[i], where[i], highest[i] = values[0], places[0], values[0]
        cuda.syncthreads()
    _match(count, objects, corners, cls_targets, iou, where, values, places, pick)
    for n in range(thread, cls_targets.size, THREADS):
        box = _owner(n, count, objects, corners, cls_targets[n], highest, settings[0])
        cls_targets[n] = objects[box, 4] + 1 if box >= 0 else 0
        for side in range(4):
            box_targets[n, side] = 0
        if box >= 0:
            _write(box_targets[n], objects[box], centers[n], settings)


def corners_of(tables: AnchorTables) -> npt.NDArray[np.float32]:
    """Corners and area `(5, N) float32` of all anchors, one after the other."""
    columns = tables.blocks.transpose(1, 0, 2).reshape(5, tables.blocks.shape[0] * BLOCK)
    return np.ascontiguousarray(columns[:, : len(tables.centers)])


def is_available() -> bool:
    """Whether DALI can run a Numba kernel on the GPU here: driver, toolkit and Numba have to fit."""
    from nvidia.dali.plugin import numba

    operator: Any = numba.NumbaFunction
    try:
        return bool(operator._check_minimal_numba_version(False) and operator._check_cuda_compatibility(False))
    except Exception:  # Numba raises all sorts where the driver or the toolkit is missing
        return False


def encode_on_device(objects: Any, tables: AnchorTables, targets: TargetConfig) -> tuple[Any, Any]:
    """As `graph.targets.encode`, on GPU DataNodes."""
    from nvidia.dali import types
    from nvidia.dali.plugin.numba.fn.experimental import numba_function

    def setup(outs, ins):  # type: ignore[no-untyped-def]
        for sample in range(len(outs[0])):
            outs[0][sample][0] = anchors
            outs[1][sample][0] = anchors
            outs[1][sample][1] = 4

    anchors = len(tables.centers)
    settings = np.array([targets.iou_threshold, *targets.stds], np.float32)
    constants = [types.Constant(value, device="gpu") for value in (corners_of(tables), tables.centers, settings)]
    outputs = numba_function(
        objects.gpu(),
        *constants,
        device="gpu",
        run_fn=encode_image,
        setup_fn=setup,
        in_types=[types.FLOAT] * 4,
        ins_ndim=[2, 2, 2, 1],
        out_types=[types.FLOAT, types.FLOAT],
        outs_ndim=[1, 2],
        blocks=[1, 1, 1],
        threads_per_block=[THREADS, 1, 1],
    )
    return tuple(outputs)
