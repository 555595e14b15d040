"""COCO average precision by pycocotools, computed in memory."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dali_ssd.metrics.detections import Detections
from dali_ssd.util.optional import require

__all__ = ["COCO_NAMES", "coco_scores"]

COCO_NAMES = (
    "AP", "AP50", "AP75", "AP small", "AP medium", "AP large",
    "AR 1", "AR 10", "AR 100", "AR small", "AR medium", "AR large",
)  # fmt: skip
"""Names of COCO's twelve numbers, in its order."""


def coco_scores(images: Sequence[Detections], classes: int) -> dict[str, float]:
    """Compute COCO's twelve numbers by name, NaN for those that do not apply.

    A difficult object is ignored: a detection that matches it does not count. (pycocotools would treat `iscrowd` the
    same, but computes overlaps with crowds in another way, so `ignore` is set instead.)
    """
    with contextlib.redirect_stdout(io.StringIO()):
        truth = _dataset(_true_objects(images), len(images), classes)
        found = _dataset(_found_objects(images), len(images), classes)
        evaluation = _evaluation_class()(truth, found, iouType="bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    # pycocotools returns -1 if there is nothing to count.
    return {
        name: float(value) if value >= 0 else math.nan for name, value in zip(COCO_NAMES, evaluation.stats, strict=True)
    }


def _evaluation_class() -> Any:
    base: Any = require("pycocotools.cocoeval").COCOeval

    class Evaluation(base):  # type: ignore[misc]
        def _prepare(self) -> None:
            super()._prepare()
            for objects in self._gts.values():
                for item in objects:
                    item["ignore"] = item["difficult"]

    return Evaluation


def _dataset(annotations: list[dict[str, Any]], images: int, classes: int) -> Any:
    coco = require("pycocotools.coco").COCO()
    # Ids begin at 1: pycocotools reads a match with id 0 as none.
    coco.dataset = {
        "images": [{"id": number} for number in range(images)],
        "categories": [{"id": number, "name": str(number)} for number in range(classes)],
        "annotations": [item | {"id": number} for number, item in enumerate(annotations, start=1)],
    }
    coco.createIndex()
    return coco


def _true_objects(images: Sequence[Detections]) -> list[dict[str, Any]]:
    return [
        _object(number, box, class_id) | {"difficult": int(difficult)}
        for number, image in enumerate(images)
        for box, class_id, difficult in zip(image.true_boxes, image.true_ids, image.difficult, strict=True)
    ]


def _found_objects(images: Sequence[Detections]) -> list[dict[str, Any]]:
    return [
        _object(number, box, class_id) | {"score": float(score)}
        for number, image in enumerate(images)
        for box, class_id, score in zip(image.boxes, image.class_ids, image.scores, strict=True)
    ]


def _object(image: int, box: NDArray[np.float32], class_id: int) -> dict[str, Any]:
    xmin, ymin, xmax, ymax = (float(value) for value in box)
    width, height = xmax - xmin, ymax - ymin
    return {
        "image_id": image,
        "category_id": int(class_id),
        "bbox": [xmin, ymin, width, height],
        "area": width * height,
        "iscrowd": 0,
    }
