"""Scoring an SSD: VOC07 average precision by GluonCV's metric and COCO average precision by pycocotools.

Both work in network pixels, where the labels of `ValLoader` are. An image's aspect ratio changes nothing: overlaps of
boxes stay what they are when both axes are scaled. Only COCO's division by area (small, medium, large) refers to the
size in the network's input.

Objects marked difficult count in neither: finding one is no hit and missing it is no miss, as in PASCAL VOC. Objects
outside of the image do count: nothing can match them, so they lower the scores (see `Truth`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import DatasetError
from dali_ssd.gluon.networks.zoo import for_scoring
from dali_ssd.metrics.coco import coco_scores
from dali_ssd.util.optional import require
from dali_ssd.util.words import counted

__all__ = ["Detections", "Scores", "Truth", "detect", "evaluate"]


@dataclass(frozen=True)
class Detections:
    """What a network finds in one image, the best first, and what is there."""

    boxes: NDArray[np.float32]
    """(n, 4) xmin ymin xmax ymax, network pixels."""
    class_ids: NDArray[np.int32]
    """(n,)"""
    scores: NDArray[np.float32]
    """(n,), 0..1."""
    true_boxes: NDArray[np.float32]
    """(m, 4)"""
    true_ids: NDArray[np.int32]
    """(m,)"""
    difficult: NDArray[np.bool_]
    """(m,)"""


@dataclass(frozen=True)
class Truth:
    """How many objects there are to find."""

    objects: tuple[int, ...] = ()
    """Of each class."""
    difficult: tuple[int, ...] = ()
    """Those of each class that are marked difficult, and so count for nothing."""
    outside: int = 0
    """Objects that count and lie wholly outside of their image."""
    flat: int = 0
    """Objects without area, which loaders pass over and so nobody looks for; known to who looked at the labels."""

    def why_no_score(self, class_id: int | None = None) -> str:
        """Say why a class, or all of them together, has no average precision: none of its objects counts."""
        chosen = slice(None) if class_id is None else slice(class_id, class_id + 1)
        if not any(self.objects[chosen]):
            return "no objects"
        return f"difficult objects only: {sum(self.difficult[chosen])}"

    def notes(self) -> list[str]:
        """Say how many objects have labels that cannot be right, and what that does to the scores."""
        notes = []
        if self.outside:
            objects = counted(self.outside, "object")
            notes.append(f"{objects} outside of the image: never matched, which lowers the scores")
        if self.flat:
            notes.append(f"{counted(self.flat, 'object')} without area: passed over, as in training")
        return [*notes, "`dali-ssd check` tells more about such labels"] if notes else []


@dataclass(frozen=True)
class Scores:
    """The result of a scoring."""

    images: int
    classes: tuple[str, ...]
    ap: tuple[float, ...]
    """VOC07 average precision of each class at IoU 0.5; NaN for a class without objects."""
    mean_ap: float
    """Mean of `ap` over the classes that have objects; NaN where none has."""
    coco: dict[str, float] = field(default_factory=dict)
    """COCO's summary by name (`AP`, `AP50`, ...), NaN where it does not apply; empty when it was not asked for."""
    truth: Truth = field(default_factory=Truth)

    def lines(self) -> list[str]:
        """Lines for the log, `name=value`, in the order of GluonCV's script; a NaN has its reason beside it."""
        named = [*self.rows(), ("mAP", self.mean_ap, self._reason(self.mean_ap))]
        named += [("COCO AP", self.coco["AP"], self._reason(self.coco["AP"]))] if self.coco else []
        return [f"{name}={value}{f' ({reason})' if reason else ''}" for name, value, reason in named]

    def rows(self) -> list[tuple[str, float, str]]:
        """Name and average precision of each class, and why it has none, empty where it has one."""
        values = enumerate(zip(self.classes, self.ap, strict=True))
        return [(name, value, self._reason(value, class_id)) for class_id, (name, value) in values]

    def _reason(self, value: float, class_id: int | None = None) -> str:
        return self.truth.why_no_score(class_id) if math.isnan(value) else ""

    def numbers(self) -> dict[str, float]:
        """The means, for metrics.jsonl."""
        return {"map": self.mean_ap} | ({"coco_ap": self.coco["AP"]} if self.coco else {})


def detect(net: Any, batches: Iterable[Any], data_shape: int) -> Iterator[list[Detections]]:
    """Yield the detections of each validation batch, boxes clipped to the image.

    A batch has `.data` and `.labels`, lists with one NDArray for each device; labels are (B, M, 6) network pixels,
    padded with -1. The network is left in its scoring state: call `for_training` before training goes on.
    """
    for_scoring(net)
    for batch in batches:
        # All devices are given their work before the first result is waited for.
        outputs = [net(data) for data in batch.data]
        found = []
        for (ids, scores, boxes), labels in zip(outputs, batch.labels, strict=True):
            arrays = (boxes.clip(0, data_shape), ids, scores, labels)
            found += [_detections(*image) for image in zip(*(array.asnumpy() for array in arrays), strict=True)]
        yield found


def evaluate(net: Any, batches: Iterable[Any], classes: Sequence[str], data_shape: int, *, coco: bool = True) -> Scores:
    """Score a network on validation batches (see `detect`).

    `classes` are the names of the class ids. Raises DatasetError where a label has an id beyond them.
    """
    metrics = require("gluoncv.utils.metrics.voc_detection")
    voc = metrics.VOC07MApMetric(iou_thresh=0.5, class_names=list(classes))
    images: list[Detections] = []
    for found in detect(net, batches, data_shape):
        for image in found:
            _check_ids(image, len(classes))
            _update(voc, image)
        images += found
    ap, mean_ap = _voc_scores(voc, images, len(classes))
    coco_values = coco_scores(images, len(classes)) if coco else {}
    return Scores(len(images), tuple(classes), ap, mean_ap, coco_values, _truth(images, len(classes), data_shape))


def _truth(images: Sequence[Detections], classes: int, data_shape: int) -> Truth:
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(image.true_boxes for image in images)])
    ids = np.concatenate([np.zeros(0, np.int32), *(image.true_ids for image in images)])
    difficult = np.concatenate([np.zeros(0, bool), *(image.difficult for image in images)])
    low, high = boxes[~difficult, :2], boxes[~difficult, 2:]
    outside = ((low >= data_shape) | (high <= 0)).any(axis=1)
    return Truth(_by_class(ids, classes), _by_class(ids[difficult], classes), int(outside.sum()))


def _by_class(ids: NDArray[np.int32], classes: int) -> tuple[int, ...]:
    return tuple(int(count) for count in np.bincount(ids, minlength=classes))


def _detections(
    boxes: NDArray[np.float32], ids: NDArray[np.float32], scores: NDArray[np.float32], labels: NDArray[np.float32]
) -> Detections:
    kept = ids[:, 0] >= 0
    real = labels[:, 4] >= 0
    difficult = labels[real, 5] > 0 if labels.shape[1] > 5 else np.zeros(int(real.sum()), bool)
    return Detections(
        boxes[kept].astype(np.float32),
        ids[kept, 0].astype(np.int32),
        scores[kept, 0].astype(np.float32),
        labels[real, :4].astype(np.float32),
        labels[real, 4].astype(np.int32),
        difficult,
    )


def _check_ids(image: Detections, classes: int) -> None:
    largest = int(image.true_ids.max(initial=-1))
    if largest >= classes:
        raise DatasetError(
            f"a label has class id {largest}, beyond the {counted(classes, 'class name')}; see --classes"
        )


def _update(metric: Any, image: Detections) -> None:
    """Hand one image to GluonCV's metric, which takes batches and strips what it pads itself."""
    arrays = (image.boxes, image.class_ids, image.scores, image.true_boxes, image.true_ids, image.difficult)
    metric.update(*(array[None] for array in arrays))


def _voc_scores(metric: Any, images: Sequence[Detections], classes: int) -> tuple[tuple[float, ...], float]:
    if not any((~image.difficult).any() for image in images):
        # The metric cannot work out a mean over no class.
        return (math.nan,) * classes, math.nan
    _, values = metric.get()
    return tuple(float(value) for value in values[:classes]), float(values[-1])
