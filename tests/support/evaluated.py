"""Evaluations of a network that sees almost what is there: boxes are moved, taken for others, left out and invented."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dali_ssd.metrics.analysis import Thresholds, analyze
from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.scores import score
from dali_ssd.records.dataset import Dataset, open_dataset
from dali_ssd.records.format.labels import parse_label
from dali_ssd.reporting.evaluation.evaluation import Evaluation

__all__ = ["SIDE", "evaluated", "seen"]

SIDE = 300


def seen(dataset: Dataset, classes: int, seed: int = 0) -> list[Detections]:
    """What such a network sees in the records of a dataset, all of whose class ids are below `classes`."""
    rng = np.random.default_rng(seed)
    return [_seen(dataset, number, classes, rng) for number in range(len(dataset))]


def evaluated(
    shards: Path | Sequence[Path], names: Sequence[str], images: Sequence[Detections] | None = None,
    thresholds: Thresholds | None = None,
) -> Evaluation:  # fmt: skip
    """Return the evaluation of detections in shards, by default of `seen` ones, with VOC07's scores."""
    dataset = open_dataset([shards] if isinstance(shards, Path) else list(shards))
    found = list(seen(dataset, len(names)) if images is None else images)
    analysis = analyze(found, names, thresholds or Thresholds())
    facts = [("Parameters", "`a.params`"), ("Shards", "`a.rec`")]
    return Evaluation(
        "a.params on a.rec", score(found, names, SIDE, ()), analysis, dataset, SIDE, facts, "dali-ssd eval"
    )


def _seen(dataset: Dataset, number: int, classes: int, rng: np.random.Generator) -> Detections:
    header, _ = dataset.read(number)
    objects = parse_label(header.label, dataset.place(number))
    true, ids = (objects.boxes * SIDE).astype(np.float32), objects.class_ids
    chosen = np.repeat(np.arange(len(true)), rng.choice([0, 1, 1, 1, 1, 2], len(true)))
    widths = np.tile(true[:, 2:] - true[:, :2], 2)[chosen]
    moved = true[chosen] + (rng.normal(size=(len(chosen), 4)) * 0.12 * widths).astype(np.float32)
    taken = np.where(rng.random(len(chosen)) < 0.15, rng.integers(0, classes, len(chosen)), ids[chosen])
    boxes = np.concatenate([_sorted(moved), _sorted(rng.uniform(0, SIDE, (2, 4)).astype(np.float32))]).clip(0, SIDE)
    scores = np.concatenate([rng.beta(4, 2, len(chosen)), rng.beta(2, 4, 2)]).astype(np.float32)
    order = np.argsort(-scores)
    found_ids = np.concatenate([taken, rng.integers(0, classes, 2)]).astype(np.int32)
    none_difficult = np.zeros(len(true), bool)
    return Detections(boxes[order], found_ids[order], scores[order], true, ids.astype(np.int32), none_difficult)


def _sorted(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)
