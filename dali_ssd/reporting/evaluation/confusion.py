"""The confusion matrix of an evaluation, readable with any number of classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dali_ssd.metrics.analysis import Analysis
from dali_ssd.metrics.confusion import mistakes, row_shares
from dali_ssd.pages.elements import Cell, Element, Matrix, Note, Share, Table

__all__ = ["confusion_elements"]

_MOST = 16
"""Classes in the matrix."""
_PAIRS = 20
"""Rows of the list of mistakes."""


def confusion_elements(analysis: Analysis) -> list[Element]:
    """Return the matrix, and the pairs of classes that are mistaken most often.

    Of many classes, the matrix has those that take part in the most mistakes; the others are summed up.
    """
    counts, names = analysis.confusion, list(analysis.classes)
    caption = ""
    if len(names) > _MOST:
        caption = f"The {_MOST} classes with the most mistakes; the others are summed up"
        kept = _most_mistaken(counts)
        counts, names = _summed(counts, kept), [*(names[n] for n in kept), "others"]
    matrix = Matrix(
        "true / found",
        [*names, "missed"],
        [*names, "background"],
        counts.tolist(),
        row_shares(counts).tolist(),
        caption or "Objects and what is found in their place",
    )
    pairs = mistakes(analysis.confusion, _PAIRS)
    if not pairs and not analysis.detects:
        return [matrix]  # nothing is taken for anything
    if not pairs:
        return [matrix, Note("good", "No object is taken for one of another class")]
    rows: list[list[Cell]] = [
        [analysis.classes[one.true_id], analysis.classes[one.found_id], one.times, Share(one.share)] for one in pairs
    ]
    return [
        matrix,
        Table(["object", "taken for", "times", "share of the class"], rows, "What is taken for what most often"),
    ]


def _most_mistaken(counts: NDArray[np.int64]) -> list[int]:
    """Return the class ids in ascending order; of equally many mistakes, classes with more objects go first."""
    between = counts[:-1, :-1] * ~np.eye(len(counts) - 1, dtype=bool)
    objects, wrong = counts[:-1].sum(axis=1), between.sum(axis=0) + between.sum(axis=1)
    order = np.lexsort([-objects, -wrong])[:_MOST]
    return sorted(int(class_id) for class_id in order if objects[class_id] + wrong[class_id])


def _summed(counts: NDArray[np.int64], kept: list[int]) -> NDArray[np.int64]:
    """Return the matrix of some classes, all others together, and the last row and column."""
    groups = np.full(len(counts), len(kept))
    groups[kept] = range(len(kept))
    groups[-1] = len(kept) + 1
    summed = np.zeros((len(kept) + 2,) * 2, np.int64)
    np.add.at(summed, (groups[:, None], groups), counts)
    return summed
