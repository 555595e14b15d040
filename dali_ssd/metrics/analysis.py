"""All that is said of detections beside their scores: kinds of errors, confusion, curves, calibration, sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dali_ssd.metrics.confusion import confusion
from dali_ssd.metrics.curves import Best, Calibration, Curve, calibration, curve
from dali_ssd.metrics.detections import SURE, Detections
from dali_ssd.metrics.sizes import OfSize, recall_by_size
from dali_ssd.metrics.verdicts import WRONG, Kind, Verdicts, find_verdicts
from dali_ssd.metrics.voc import MIN_IOU

__all__ = ["Analysis", "Thresholds", "analyze"]


@dataclass(frozen=True)
class Thresholds:
    """Which detections are judged, and when one has found an object."""

    min_score: float = SURE
    """Lowest score of a detection that counts as said; curves and calibration take all."""
    min_iou: float = MIN_IOU
    """Overlap with an object."""


@dataclass(frozen=True)
class Analysis:
    """What the detections of all images are like."""

    thresholds: Thresholds
    classes: tuple[str, ...]
    verdicts: Verdicts
    confusion: NDArray[np.int64]
    """(classes + 1, classes + 1), see `dali_ssd.metrics.confusion.confusion`."""
    curves: tuple[Curve | None, ...]
    """Of each class; None if no object of it counts."""
    best: Best | None
    """The best threshold for all classes together; None if nothing is found."""
    calibration: Calibration
    sizes: list[OfSize]

    def kinds(self, class_id: int | None = None) -> dict[Kind, int]:
        """Count the detections of each kind from the smallest score on, of one class or of all."""
        chosen = self.verdicts.scores >= self.thresholds.min_score
        if class_id is not None:
            chosen &= self.verdicts.class_ids == class_id
        counts = np.bincount(self.verdicts.kind[chosen], minlength=len(Kind))
        return {kind: int(counts[kind]) for kind in Kind}

    def missed(self, class_id: int | None = None) -> int:
        """Count the objects that are missed, of one class or of all."""
        missed = self.verdicts.missed(self.thresholds.min_score)
        return int((missed if class_id is None else missed & (self.verdicts.true_ids == class_id)).sum())

    @property
    def detects(self) -> bool:
        """Whether any detection has the smallest score."""
        return bool((self.verdicts.scores >= self.thresholds.min_score).any())

    @property
    def f1(self) -> float:
        """The F1 of all classes together at the smallest score; NaN if there is neither object nor detection."""
        kinds, missed = self.kinds(), self.missed()
        right, wrong = kinds[Kind.RIGHT], sum(kinds[kind] for kind in WRONG)
        return 2 * right / (2 * right + wrong + missed) if right + wrong + missed else math.nan

    def numbers(self) -> dict[str, Any]:
        """Return all numbers for a JSON file; None for what is not known."""
        error = self.calibration.error
        best = [None if one is None or one.best is None else one.best._asdict() for one in self.curves]
        return {
            "thresholds": asdict(self.thresholds),
            "errors": {kind.name.lower(): count for kind, count in self.kinds().items()} | {"missed": self.missed()},
            "confusion": self.confusion.tolist(),
            "best_threshold": dict(zip(self.classes, best, strict=True)),
            "calibration_error": None if math.isnan(error) else error,
            "recall_by_size": [
                size._asdict() | {"high": None if math.isinf(size.high) else size.high} for size in self.sizes
            ],
        }


def analyze(images: Sequence[Detections], classes: Sequence[str], thresholds: Thresholds) -> Analysis:
    """Analyze the detections of all images; `classes` are the names of the class ids, which labels must have."""
    verdicts = find_verdicts(images, thresholds.min_iou)
    together = curve(verdicts)
    return Analysis(
        thresholds,
        tuple(classes),
        verdicts,
        confusion(images, len(classes), thresholds.min_score, thresholds.min_iou),
        tuple(curve(verdicts, class_id) for class_id in range(len(classes))),
        together.best if together else None,
        calibration(verdicts),
        recall_by_size(verdicts, thresholds.min_score),
    )
