"""What the kernels must compute, written in NumPy float64 with nothing of theirs but `dali_ssd.boxes` and the names of
the filters: the slow and plain way, canvas built and all weights in a matrix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dali_ssd import boxes as box_algebra
from dali_ssd.config import INTERPOLATIONS

Array = npt.NDArray[np.float64]


def filter_values(kind: str, distance: Array, scale: float) -> Array:
    """Weight, not normalized, of source pixels whose centers are `distance` source pixels away; nearest is apart."""
    x: Array = np.abs(distance)
    weights: Array
    if kind == "linear":
        weights = np.clip(1 - x, 0, None)
    elif kind == "area":  # what two boxes share, the output pixel's and the source pixel's
        low, high = np.maximum(distance - 0.5, -scale / 2), np.minimum(distance + 0.5, scale / 2)
        weights = np.clip(high - low, 0, None)
    elif kind == "triangle":  # DALI's, which takes the place of area on the GPU
        weights = np.clip(1 - x / max(scale, 1.0), 0, None)
    elif kind == "cubic":
        near = (1.5 * x - 2.5) * x**2 + 1
        far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        weights = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    else:
        assert kind == "lanczos"
        weights = np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0.0)
    return weights


def weight_matrix(kind: str, size: int, length: int, origin: int = 0) -> Array:
    """`(size, length)`: each output pixel's weights over the source pixels of one axis, whose edges repeat.

    `origin` is where the source begins in the numbers that the kernel computes with; it decides nothing but which of
    two equally near pixels `nearest` takes.
    """
    scale = length / size
    matrix = np.zeros((size, length))
    outputs = np.arange(size)
    if kind == "nearest":
        matrix[outputs, np.floor(origin + (outputs + 0.5) * scale).astype(int) - origin] = 1
        return matrix
    reach = int(np.ceil(max(scale, 3.0))) + 2
    centers = ((outputs + 0.5) * scale)[:, None]
    pixels = np.floor(centers).astype(int) + np.arange(-reach, reach + 1)
    values = filter_values(kind, pixels + 0.5 - centers, scale)
    values /= values.sum(axis=1, keepdims=True)
    np.add.at(matrix, (outputs[:, None], np.clip(pixels, 0, length - 1)), values)
    return matrix


def canvas_of(image: npt.NDArray[np.uint8], window: npt.ArrayLike, color: Array) -> Array:
    """The window `x0 y0 x1 y1` of the image `(h, w, 3)` in the network's colors; 0, the mean color, outside of it."""
    x0, y0, x1, y1 = (int(value) for value in np.asarray(window))
    canvas = np.zeros((y1 - y0, x1 - x0, 3))
    height, width = image.shape[:2]
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left < right and top < bottom:
        part = image[top:bottom, left:right].astype(np.float64)
        canvas[top - y0 : bottom - y0, left - x0 : right - x0] = part @ color[:, :3].T + color[:, 3]
    return canvas


def render(
    image: npt.NDArray[np.uint8],
    window: npt.ArrayLike,
    color: Array,
    kind: str,
    mirrored: bool,
    size: int,
    layout: str = "NCHW",
) -> Array:
    """The network's input `(3, S, S)` or `(S, S, 3)` of the whole image `(h, w, 3) uint8` and a view of it."""
    canvas = canvas_of(image, window, color)
    x0, y0 = (int(value) for value in np.asarray(window)[:2])
    rows = weight_matrix(kind, size, canvas.shape[0], min(y0, 0))
    columns = weight_matrix(kind, size, canvas.shape[1], min(x0, 0))
    result: Array = np.einsum("yh,hwc,xw->yxc", rows, canvas, columns, optimize=True)
    if mirrored:
        result = result[:, ::-1]
    return result.transpose(2, 0, 1) if layout == "NCHW" else result


def region_of(image_shape: tuple[int, ...], window: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """`y x height width` of the part of a window that lies in the image; a pixel of it where there is none."""
    x0, y0, x1, y1 = (int(value) for value in np.asarray(window))
    left, top = max(x0, 0), max(y0, 0)
    right, bottom = min(x1, image_shape[1]), min(y1, image_shape[0])
    if left >= right or top >= bottom:
        return np.array([0, 0, 1, 1], np.int32)
    return np.array([top, left, bottom - top, right - left], np.int32)


def plan_of(window: npt.ArrayLike, mirrored: bool, kind: str, color: Array, count: int = 0) -> npt.NDArray[np.float32]:
    """A plan vector, slot by slot as `graph.plan` documents it."""
    numbers = [*np.asarray(window), mirrored, INTERPOLATIONS.index(kind), count, *color.ravel()]
    return np.array(numbers, np.float32)


def objects_of(boxes: Array, ids: Array, window: npt.ArrayLike, mirrored: bool, size: int) -> Array:
    """`(m, 5)` xmin ymin xmax ymax id in network pixels of what a view shows of `boxes` (n, 4) in source pixels."""
    window = np.asarray(window, np.float64)
    parts = box_algebra.clip(boxes, window)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2  # the window's low edges are part of it, and its high ones are not
    kept = ((window[:2] <= centers) & (centers < window[2:]) & (parts[:, :2] < parts[:, 2:])).all(axis=1)
    extent = window[2:] - window[:2]
    parts = parts[kept]
    if mirrored:
        parts = box_algebra.mirror(parts, float(extent[0]))
    found = np.concatenate([parts * np.tile(size / extent, 2), ids[kept, None]], axis=1)
    rounded = found.astype(np.float32)
    shown: Array = found[(rounded[:, :2] < rounded[:, 2:4]).all(axis=1)]
    return shown


def iou_table(boxes: npt.NDArray[np.float32], anchors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """IoU `(N, M) float32` of center anchors and corner boxes, each operation rounded to float32, in MXNet's order."""
    half = anchors[:, 2:] * np.float32(0.5)
    low, high = anchors[:, :2] - half, anchors[:, :2] + half
    area = np.prod(high - low, axis=1, dtype=np.float32)
    area_of_boxes = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1, dtype=np.float32)
    sides = np.minimum(high[:, None], boxes[None, :, 2:]) - np.maximum(low[:, None], boxes[None, :, :2])
    shared = np.prod(np.maximum(sides, np.float32(0)), axis=2, dtype=np.float32)
    table: npt.NDArray[np.float32] = shared / (area[:, None] + area_of_boxes[None, :] - shared)
    return table


def match(iou: npt.NDArray[np.float32], threshold: float) -> npt.NDArray[np.int64]:
    """For each anchor of `iou` (N, M) the box that it learns, -1 for none: bipartite, then ties, then the threshold."""
    anchors, boxes = iou.shape
    matches = np.full(anchors, -1)
    taken: set[int] = set()
    for pair in np.argsort(-iou.ravel(), kind="stable"):
        anchor, box = divmod(int(pair), boxes)
        if iou[anchor, box] > 0 and matches[anchor] < 0 and box not in taken:
            matches[anchor] = box
            taken.add(box)
    for anchor in np.flatnonzero(matches < 0):
        best = int(np.argmax(iou[anchor]))
        value = iou[anchor, best]
        if value > 0 and (value == iou[:, best].max() or value >= np.float32(threshold)):
            matches[anchor] = best
    return matches


def targets(
    boxes: npt.NDArray[np.float32],
    ids: npt.NDArray[np.float32],
    anchors: npt.NDArray[np.float32],
    threshold: float = 0.5,
    stds: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2),
) -> tuple[Array, Array]:
    """cls_targets `(N,)` and box_targets `(N, 4)` by brute force."""
    classes, offsets = np.zeros(len(anchors)), np.zeros((len(anchors), 4))
    if len(boxes):
        matches = match(iou_table(boxes, anchors), threshold)
        positive = matches >= 0
        chosen = matches[positive]
        classes[positive] = ids[chosen] + 1
        offsets[positive] = box_algebra.encode(
            boxes[chosen].astype(np.float64), anchors[positive].astype(np.float64), stds
        )
    return classes, offsets


class SplitMix64:
    """The generator of Steele, Lea, Flood (OOPSLA 2014) in Python's whole numbers."""

    def __init__(self, state: int) -> None:
        self.state = state

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * ((self.next() >> 11) / 2**53)
