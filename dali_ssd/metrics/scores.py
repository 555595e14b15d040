"""All scores of a network's detections: VOC07 and COCO average precision, and the reasons for missing ones.

Both metrics work in network pixels, where the labels of `ValLoader` are. An image's aspect ratio changes nothing:
overlaps of boxes stay what they are when both axes are scaled. Only COCO's division by area (small, medium, large)
refers to the size in the network's input.

Objects marked difficult count in neither: finding one is no hit and missing it is no miss, as in PASCAL VOC. Objects
outside of the image do count: nothing can match them, so they lower the scores (see `Truth`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import DatasetError
from dali_ssd.metrics.coco import coco_scores
from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.voc import voc07_scores
from dali_ssd.util.optional import require
from dali_ssd.util.words import counted

__all__ = ["METRICS", "Metric", "Scores", "Truth", "check_ids", "require_metrics", "score"]


class Metric(NamedTuple):
    """A way to score detections."""

    score: Callable[[Sequence[Detections], int], dict[str, float]]
    """Returns numbers by name from all images and the number of classes; logs show the first.

    NaN for what does not apply; nothing at all if no object counts.
    """
    why_nan: str
    """The reason for a number that is NaN."""
    needs: str = ""
    """The optional library that it needs; empty if none."""


METRICS: dict[str, Metric] = {
    "COCO": Metric(coco_scores, "no objects of that size", needs="pycocotools"),
}
"""Every metric besides VOC07's, by the title of its table. `eval` prints all and writes them to its JSON file, and a
training run logs the first number of each."""


@dataclass(frozen=True)
class Truth:
    """The number of objects to find."""

    objects: tuple[int, ...] = ()
    """Of each class."""
    difficult: tuple[int, ...] = ()
    """Those of each class that are marked difficult, and so do not count."""
    outside: int = 0
    """Objects that count and lie wholly outside of their image."""
    flat: int = 0
    """Objects without area, which loaders skip and so are not scored; known only if the labels were inspected."""

    def why_no_score(self, class_id: int | None = None) -> str:
        """Return why a class, or all of them together, has no average precision: none of its objects counts."""
        chosen = slice(None) if class_id is None else slice(class_id, class_id + 1)
        if not any(self.objects[chosen]):
            return "no objects"
        return f"difficult objects only: {sum(self.difficult[chosen])}"

    def notes(self) -> list[str]:
        """Return how many objects have labels that cannot be right, and how that changes the scores, in words."""
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
    """Mean of `ap` over the classes that have objects; NaN if none has."""
    tables: dict[str, dict[str, float]] = field(default_factory=dict)
    """The numbers of each of `METRICS` by its title, for COCO `AP`, `AP50`, ...; without those not asked for."""
    truth: Truth = field(default_factory=Truth)
    found: Sequence[Detections] = field(default=(), repr=False, compare=False)
    """What was scored: the images in the order of their records."""

    @property
    def coco(self) -> dict[str, float]:
        """COCO's summary by name, NaN for what does not apply; empty if it was not asked for."""
        return self.tables.get("COCO", {})

    def lines(self) -> list[str]:
        """Return lines for the log, `name=value`, in the order of GluonCV's script; a NaN has its reason beside it.

        They are rounded for people; `numbers` are not.
        """
        named = [*self.rows(), ("mAP", self.mean_ap, self._reason(self.mean_ap))]
        named += [(f"{title} {name}", value, self._reason(value)) for title, name, value in self._first_numbers()]
        return [f"{name}={value:.3f}{f' ({reason})' if reason else ''}" for name, value, reason in named]

    def rows(self) -> list[tuple[str, float, str]]:
        """Return name and average precision of each class, and why it has none, empty if it has one."""
        values = enumerate(zip(self.classes, self.ap, strict=True))
        return [(name, value, self._reason(value, class_id)) for class_id, (name, value) in values]

    def _reason(self, value: float, class_id: int | None = None) -> str:
        return self.truth.why_no_score(class_id) if math.isnan(value) else ""

    def numbers(self) -> dict[str, Any]:
        """Return the means for metrics.jsonl, and as `ap` the average precision of each class by its name."""
        first = {f"{title}_{name}".lower(): value for title, name, value in self._first_numbers()}
        return {"map": self.mean_ap} | first | {"ap": {name: round(value, 6) for name, value, _ in self.rows()}}

    def _first_numbers(self) -> list[tuple[str, str, float]]:
        return [(title, *next(iter(table.items()))) for title, table in self.tables.items() if table]


def score(
    images: Sequence[Detections], classes: Sequence[str], data_shape: int, metrics: Collection[str] = tuple(METRICS)
) -> Scores:
    """Score the detections of all images.

    Args:
        images: what was found and what is there, in network pixels.
        classes: the names of the class ids.
        data_shape: side of the network's input in pixels.
        metrics: titles of the `METRICS` that are computed as well; COCO's needs pycocotools.

    Raises:
        DatasetError: a label has an id beyond the class names.
        MissingDependencyError: pycocotools is not installed.
    """
    for image in images:
        check_ids(image, len(classes))
    ap = voc07_scores(images, len(classes))
    known = [value for value in ap if not math.isnan(value)]
    mean_ap = float(np.mean(known)) if known else math.nan
    tables = {title: METRICS[title].score(images, len(classes)) for title in metrics}
    truth = _truth(images, len(classes), data_shape)
    return Scores(len(images), tuple(classes), ap, mean_ap, tables, truth, images)


def require_metrics() -> None:
    """Raise MissingDependencyError if a library of `METRICS` is missing: before minutes of detection, not after."""
    for metric in METRICS.values():
        if metric.needs:
            require(metric.needs)


def check_ids(image: Detections, classes: int) -> None:
    """Raise DatasetError if a label of the image has an id beyond the class names."""
    largest = int(image.true_ids.max(initial=-1))
    if largest >= classes:
        raise DatasetError(
            f"a label has class id {largest}, beyond the {counted(classes, 'class name')}; see --classes"
        )


def _truth(images: Sequence[Detections], classes: int, data_shape: int) -> Truth:
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(image.true_boxes for image in images)])
    ids = np.concatenate([np.zeros(0, np.int32), *(image.true_ids for image in images)])
    difficult = np.concatenate([np.zeros(0, bool), *(image.difficult for image in images)])
    low, high = boxes[~difficult, :2], boxes[~difficult, 2:]
    outside = ((low >= data_shape) | (high <= 0)).any(axis=1)
    return Truth(_by_class(ids, classes), _by_class(ids[difficult], classes), int(outside.sum()))


def _by_class(ids: NDArray[np.int32], classes: int) -> tuple[int, ...]:
    return tuple(int(count) for count in np.bincount(ids, minlength=classes))
