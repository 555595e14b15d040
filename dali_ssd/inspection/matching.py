"""Boxes against anchors: which anchor is the best of each, and how many are trained on it.

By the kernels of training, so that ties and objects that compete for an anchor count as they do there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import AugmentConfig, CoordinateUnit, RenderConfig, TargetConfig
from dali_ssd.graph.plan import training_kernel
from dali_ssd.graph.targets import best_anchor_kernel, target_kernel
from dali_ssd.inspection.contents import BOX, CLASS, Contents, rows_of
from dali_ssd.kernels.plan import training_settings
from dali_ssd.kernels.targets import target_settings
from dali_ssd.util.progress import track

__all__ = ["Matches", "Views", "augmented_views", "best_iou", "match", "side_of", "stored_views"]

_BOXES = 4096
"""Boxes that are compared at once: often enough for a progress bar."""


@dataclass(frozen=True, eq=False)
class Views:
    """The objects of views of records: of each record whole, or of several augmented views."""

    objects: NDArray[np.float32]
    """(m, 5+) xmin ymin xmax ymax in network pixels, class id."""
    starts: NDArray[np.int64]
    """(views + 1,) rows of `objects` at which the views begin."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Objects and the anchors that they meet."""

    objects: NDArray[np.float32]
    """(m, 5+) as `Views` has them."""
    iou: NDArray[np.float32]
    """(m,) highest IoU with any anchor."""
    anchor: NDArray[np.int32]
    """(m,) the first anchor that has it; -1 if none overlaps the box."""
    positives: NDArray[np.int64]
    """(m,) anchors that are trained on the object."""
    threshold: float
    """IoU from which an anchor is trained on an object that is its best."""

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(m,) whether an anchor reaches the threshold."""
        return self.iou >= np.float32(self.threshold)

    @property
    def forced(self) -> NDArray[np.bool_]:
        """(m,) whether it is trained by one anchor, or none, that does not reach the threshold."""
        return ~self.covered & (self.positives <= 1)

    @property
    def sides(self) -> NDArray[np.float64]:
        """(m,) square root of the area of the boxes, in network pixels."""
        return side_of(self.objects)


def side_of(objects: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the square root of the area of boxes, (m,)."""
    sides = (objects[:, 2:4] - objects[:, :2]).astype(np.float64)
    return np.asarray(np.sqrt(sides.prod(axis=1)))


def stored_views(contents: Contents, chosen: NDArray[np.int64]) -> Views:
    """Return the objects of the records at the positions `chosen`, each image as a whole."""
    parts = [contents.objects[contents.starts[row] : contents.starts[row + 1]] for row in chosen.tolist()]
    return Views(np.concatenate([contents.objects[:0], *parts]), np.cumsum([0, *map(len, parts)]))


def augmented_views(
    contents: Contents,
    chosen: NDArray[np.int64],
    views: int,
    augment: AugmentConfig,
    image: RenderConfig,
    unit: CoordinateUnit,
    seed: int,
) -> Views:
    """Return the objects of `views` augmented views of each of some records, planned as in training."""
    settings = training_settings(augment, image, unit)
    seeds = np.random.default_rng(seed).integers(0, 2**31, (len(chosen), views, 2)).astype(np.uint32)
    parts = [contents.objects[:0, :5]]
    for row, some in track(list(zip(chosen.tolist(), seeds, strict=True)), "augmenting boxes"):
        shape = np.array([contents.sizes[row, 1], contents.sizes[row, 0], 3], np.int64)
        for each in some:
            _, _, objects = training_kernel().on_arrays(contents.labels[row], shape, each, settings)
            parts.append(objects[objects[:, CLASS] >= 0])
    return Views(np.concatenate(parts), np.cumsum([0, *map(len, parts[1:])]))


def best_iou(
    objects: NDArray[np.float32], anchors: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return the highest IoU of each box (m, 4+) with any anchor (N, 4), (m,), and that anchor, (m,)."""
    _, settings = target_settings(anchors, TargetConfig())
    boxes = np.ascontiguousarray(objects[:, BOX])
    parts = [best_anchor_kernel().on_arrays(boxes[at : at + _BOXES], settings) for at in range(0, len(boxes), _BOXES)]
    iou = np.concatenate([np.zeros(0, np.float32), *(part[0] for part in parts)])
    return iou, np.concatenate([np.zeros(0, np.int32), *(part[1] for part in parts)])


def match(views: Views, anchors: NDArray[np.float32], config: TargetConfig, what: str) -> Matches:
    """Match the objects of each view with the anchors (N, 4), center format; `what` is said by the progress bar."""
    iou, anchor = best_iou(views.objects, anchors)
    settings = target_settings(anchors, config)
    positives = np.zeros(len(iou), np.int64)
    for rows in track(list(rows_of(views.starts)), f"matching {what}"):
        count = rows.stop - rows.start
        if count:
            # With its number in place of its class, each object finds out which anchors are its own.
            numbered = np.column_stack([views.objects[rows, BOX], np.arange(count, dtype=np.float32)])
            cls_targets, _ = target_kernel().on_arrays(numbered, *settings)
            owners = cls_targets[cls_targets > 0].astype(np.int64) - 1
            positives[rows] = np.bincount(owners, minlength=count)
    return Matches(views.objects, iou, anchor, positives, config.iou_threshold)
