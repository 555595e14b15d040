"""One number for each image: how well the objects in it are found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dali_ssd.metrics.detections import SURE, Detections
from dali_ssd.metrics.verdicts import WRONG, Kind, find_verdicts

__all__ = ["ImageScore", "best_and_worst", "score_images", "sure_ones"]


@dataclass(frozen=True)
class ImageScore:
    """What became of the sure detections and of the objects of an image, by VOC's rule at IoU 0.5."""

    right: int
    """Objects that were found."""
    wrong: int
    """Detections that found none, or one that a surer one has found."""
    missed: int
    """Objects, not difficult, that no detection has found."""

    @property
    def f1(self) -> float:
        """The F1 score, 2 right / (2 right + wrong + missed), 0..1; NaN for an image without objects and detections.

        It is the harmonic mean of precision and recall: van Rijsbergen, "Information Retrieval", 1979, chapter 7.
        """
        return 2 * self.right / (2 * self.right + self.errors) if self.right + self.errors else math.nan

    @property
    def errors(self) -> int:
        """Detections that are wrong and objects that are missed, together."""
        return self.wrong + self.missed

    def __str__(self) -> str:
        return f"{self.right} of {self.right + self.missed} found, {self.wrong} wrong"


def sure_ones(image: Detections, min_score: float = SURE) -> Detections:
    """Return an image with only the detections that have at least `min_score`."""
    kept = image.scores >= min_score
    return replace(image, boxes=image.boxes[kept], class_ids=image.class_ids[kept], scores=image.scores[kept])


def score_images(images: Sequence[Detections], min_score: float = SURE) -> list[ImageScore]:
    """Return the score of each image by its detections from `min_score` on."""
    verdicts = find_verdicts([sure_ones(image, min_score) for image in images])
    right = np.bincount(verdicts.image[verdicts.kind == Kind.RIGHT], minlength=len(images))
    wrong = np.bincount(verdicts.image[np.isin(verdicts.kind, WRONG)], minlength=len(images))
    missed = np.bincount(verdicts.true_image[verdicts.missed(min_score)], minlength=len(images))
    return [ImageScore(*map(int, counts)) for counts in zip(right, wrong, missed, strict=True)]


def best_and_worst(scores: Sequence[ImageScore], count: int) -> tuple[list[int], list[int]]:
    """Return the numbers of the `count` images with the highest and with the lowest F1 score, best and worst first.

    Among equals, the best have the most objects found and the worst the most errors. Images in which nothing was found
    are not among the best, and those without an error not among the worst.
    """
    good = [number for number, one in enumerate(scores) if one.right]
    bad = [number for number, one in enumerate(scores) if one.errors]
    best = sorted(good, key=lambda number: (-scores[number].f1, -scores[number].right))
    worst = sorted(bad, key=lambda number: (scores[number].f1, -scores[number].errors))
    return best[:count], worst[:count]
