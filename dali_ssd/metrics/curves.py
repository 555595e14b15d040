"""How scores relate to being right: precision and recall of each class, its best threshold, and calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dali_ssd.metrics.verdicts import Kind, Verdicts
from dali_ssd.metrics.voc import Judged, best_precisions, running

__all__ = ["Best", "Calibration", "Curve", "calibration", "curve"]

_BINS = 10
_DECIMALS = 20
"""A score that needs as many is not rounded."""


class Best(NamedTuple):
    """The threshold of the best F1, the harmonic mean of precision and recall."""

    score: float
    """Detections from it on are kept. Of the numbers that keep the same ones, it has few decimals, two or more."""
    f1: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Curve:
    """Precision over recall of a class at the overlap of the verdicts."""

    precision: NDArray[np.float64]
    """(k,)"""
    recall: NDArray[np.float64]
    """(k,) ascending; k is at most what `curve` was asked for."""
    marks: list[float]
    """Best precision from each of VOC07's eleven recalls on, whose mean is the average precision."""
    best: Best | None
    """None if nothing was found."""


@dataclass(frozen=True)
class Calibration:
    """How often detections of a score are right; a calibrated network's of 0.7 are in seven of ten cases."""

    edges: NDArray[np.float64]
    """(bins + 1,) scores; a bin includes its lower edge, and the last one 1."""
    right: NDArray[np.int64]
    """(bins,) detections."""
    wrong: NDArray[np.int64]
    """(bins,)"""
    mean_score: NDArray[np.float64]
    """(bins,) NaN in an empty bin."""

    @property
    def error(self) -> float:
        """The expected calibration error (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).

        The distance of the share that is right from the mean score, averaged over the detections; NaN if there are
        none.
        """
        counts = self.right + self.wrong
        full = counts > 0
        far = np.abs(self.right[full] / counts[full] - self.mean_score[full])
        return float((far * counts[full]).sum() / counts.sum()) if full.any() else float("nan")


def curve(verdicts: Verdicts, class_id: int | None = None, points: int = 200) -> Curve | None:
    """Return the curve of a class, or of all, with at most `points` points; None if no object of it counts.

    If there are more, those are left at which recalls in equal steps are first reached.
    """
    judged = verdicts.judged(class_id)
    if not judged.objects:
        return None
    # Where the surest detections find difficult objects, the curve would begin with a precision of 0.
    scores, precision, recall = running(
        Judged(judged.scores[judged.counts], judged.right[judged.counts], judged.counts[judged.counts], judged.objects)
    )
    kept = np.arange(len(recall))
    if len(recall) > points:
        kept = np.unique(np.searchsorted(recall, np.linspace(0, recall[-1], points)))
    return Curve(precision[kept], recall[kept], best_precisions(precision, recall), _best(scores, precision, recall))


def calibration(verdicts: Verdicts) -> Calibration:
    """Count right and wrong detections by their score, all classes together."""
    counting = verdicts.kind != Kind.PASSED_OVER
    scores, right = verdicts.scores[counting].astype(np.float64), verdicts.kind[counting] == Kind.RIGHT
    bins = np.clip((scores * _BINS).astype(np.int64), 0, _BINS - 1)
    counts, hits, sums = (
        np.bincount(bins, weights, minlength=_BINS) for weights in (np.ones(len(bins)), right.astype(float), scores)
    )
    means = np.divide(sums, counts, out=np.full(_BINS, np.nan), where=counts > 0)
    whole = hits.astype(np.int64)
    return Calibration(np.linspace(0, 1, _BINS + 1), whole, counts.astype(np.int64) - whole, means)


def _best(scores: NDArray[np.float32], precision: NDArray[np.float64], recall: NDArray[np.float64]) -> Best | None:
    """Return the best threshold, of equal ones the highest. It keeps all detections of the same score."""
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))[: len(scores)]
    if not len(last) or not recall[-1]:
        return None
    precision, recall = precision[last], recall[last]
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    at = int(f1.argmax())
    next_one = float(scores[last[at] + 1]) if last[at] + 1 < len(scores) else 0.0
    score = _rounded_down(float(scores[last[at]]), above=next_one)
    return Best(score, float(f1[at]), float(precision[at]), float(recall[at]))


def _rounded_down(score: float, above: float) -> float:
    """Return a score with as few decimals as leave it above another one, but two or more.

    It is between them in float32, which scores are, and in float64, in which others may compare them.
    """
    for decimals in range(2, _DECIMALS):
        steps = 10.0**decimals
        rounded = math.floor(score * steps) / steps
        if above < float(np.float32(rounded)) and rounded <= score:
            return rounded
    return score
