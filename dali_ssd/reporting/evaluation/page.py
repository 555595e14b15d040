"""The page of an evaluation."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

from dali_ssd.metrics.analysis import Analysis
from dali_ssd.metrics.curves import Best
from dali_ssd.metrics.scores import METRICS
from dali_ssd.metrics.verdicts import WRONG, Kind
from dali_ssd.metrics.voc import MIN_IOU
from dali_ssd.pages.elements import Cell, Charts, Element, Facts, Fold, Note, Share, Stats, Table, Text
from dali_ssd.pages.page import Page, Section, write_page
from dali_ssd.reporting.evaluation.confusion import confusion_elements
from dali_ssd.reporting.evaluation.drawings import calibration_chart, curve_chart, kinds_chart, scores_chart
from dali_ssd.reporting.evaluation.evaluation import Evaluation
from dali_ssd.reporting.evaluation.examples import error_section, missed_section
from dali_ssd.reporting.evaluation.kinds import LABELS, counts_of
from dali_ssd.reporting.machine import machine_section
from dali_ssd.util.words import counted

__all__ = ["evaluation_page", "write_evaluation"]

_OPEN_CURVES = 9
"""Curves that are seen without opening a fold."""
_OPEN_ROWS = 25
"""Rows of a table, likewise."""
_MUCH_LESS = 0.9
"""Share of the best F1 below which another threshold is advised."""


def write_evaluation(path: str | Path, evaluation: Evaluation) -> None:
    """Write the page of an evaluation.

    A picture of a record that cannot be read is left out, and a note says so. Raises MissingDependencyError if Jinja2
    or Matplotlib is missing, DaliSsdError if the file cannot be written.
    """
    write_page(path, evaluation_page(evaluation))


def evaluation_page(evaluation: Evaluation) -> Page:
    """Return the page; only the records that are shown are read."""
    threshold = evaluation.analysis.thresholds
    said = f"Detections from score {threshold.min_score:g} on, at IoU {threshold.min_iou:g}."
    return Page(
        evaluation.title,
        [
            Section("Scores", _scores(evaluation), "Average precision weighs detections of all scores."),
            Section(
                "Precision and recall", _curves(evaluation.analysis), f"At IoU {threshold.min_iou:g}. {_ON_CURVES}"
            ),
            Section("Errors", _errors(evaluation.analysis), f"{said} {_ON_ERRORS}"),
            *(error_section(evaluation, kind) for kind in WRONG if evaluation.analysis.detects),
            missed_section(evaluation),
            Section("Confusion of classes", confusion_elements(evaluation.analysis), f"{said} {_ON_CONFUSION}"),
            Section("Scores and certainty", _certainty(evaluation.analysis), _ON_CERTAINTY),
            Section("Sizes", _sizes(evaluation.analysis), _ON_SIZES),
            Section("About this evaluation", [Facts(list(evaluation.facts))]),
            machine_section(),
        ],
        summary=_summary(evaluation),
        made_by=evaluation.command,
    )


_ON_CURVES = (
    "Each line is the precision of a class at each recall, over all scores; the dots are VOC07's eleven, whose mean is "
    "the average precision. The ring is the threshold with the best F1."
)
_ON_ERRORS = (
    "A wrong detection is judged by the object that it overlaps most. Pictures are cut from the records as "
    "they are stored: the colored box was found, white boxes are objects. `dali-ssd show SHARD --record KEY` shows the "
    "whole record."
)
_ON_CONFUSION = (
    "A row is what an object is, a column what is found in its place, whatever the class. The last column counts "
    "objects that are missed, the last row detections without an object of their own. Percentages are of the row."
)
_ON_CERTAINTY = (
    "Of calibrated detections with a score of 0.7, seven in ten are right: their points lie on the gray line. Below "
    "it, the network is too sure of itself. All detections count here, whatever their score."
)
_ON_SIZES = "The side is the square root of an object's area in pixels of the network's input, not of the photo."


def _summary(evaluation: Evaluation) -> list[Element]:
    scores, analysis = evaluation.scores, evaluation.analysis
    kinds = analysis.kinds()
    wrong, right, missed = sum(kinds[kind] for kind in WRONG), kinds[Kind.RIGHT], analysis.missed()
    at = f"from score {analysis.thresholds.min_score:g} on"
    numbers = [(_number(scores.mean_ap), "mAP, VOC07", f"of {counted(len(scores.classes), 'class')}")]
    numbers += [
        (_number(next(iter(table.values()))), f"{title} {next(iter(table))}", "")
        for title, table in scores.tables.items()
        if table
    ]
    numbers += [
        (_share(right, right + missed), "of the objects are found", at),
        (_share(right, right + wrong), "of the detections are right", at),
        (f"{right + missed:,}", "objects", f"in {counted(scores.images, 'image')}"),
    ]
    notes: list[Element] = []
    if doubts := scores.truth.notes():
        notes.append(Note("warning", "Some labels are doubtful", "\n\n".join(doubts)))
    if not analysis.verdicts.kind.size:
        notes.append(Note("warning", "Nothing was found at all", _WHY_NOTHING))
    elif analysis.best and analysis.f1 < _MUCH_LESS * analysis.best.f1:
        notes.append(_other_threshold(analysis.best, analysis))
    return [Stats(numbers), *notes]


def _other_threshold(best: Best, analysis: Analysis) -> Note:
    """Return the advice to look at the errors of another threshold."""
    now = f"{analysis.f1:.2f} at {analysis.thresholds.min_score:g}"
    text = (
        f"F1 of all classes together is {now}, and {best.f1:.2f} at {best.score}. The errors, confusion and sizes "
        f"below are at {analysis.thresholds.min_score:g}; the first table has the best threshold of each class. `eval` "
        "and `detect` take this option:"
    )
    return Note("advice", f"This network is better used at score {best.score}", text, f"--min-score {best.score}")


_WHY_NOTHING = (
    "Check that the parameters belong to this network, input size and recipe, and that training went on long."
)

_WHY_NO_ERRORS = (
    "So none is wrong, and every object is missed. A lower `--min-score` shows what is found below it, and the page of "
    "the training whether it went on long enough."
)


def _scores(evaluation: Evaluation) -> list[Element]:
    scores, analysis = evaluation.scores, evaluation.analysis
    rows: list[list[Cell]] = []
    without: list[str] = []
    for class_id, (name, ap, reason) in enumerate(scores.rows()):
        curve = analysis.curves[class_id]
        best = curve.best if curve else None
        count = scores.truth.objects[class_id] - scores.truth.difficult[class_id]
        # A score that is rounded up would lose the detection that makes it the best.
        numbers = (best.f1, Decimal(str(best.score)), best.precision, best.recall) if best else (math.nan,) * 4
        if reason:
            without.append(f"{name} ({reason})")
        else:
            rows.append([name, count, ap, *numbers])
    head = ["class", "objects", f"AP@{MIN_IOU:g}", "best F1", "at score", "precision", "recall"]
    elements = _folded(head, rows, "Each class, and the threshold at which its F1 is best")
    if without:
        elements.append(Fold(f"{counted(len(without), 'class')} without a score", [Text("; ".join(without))]))
    for title, table in scores.tables.items():
        why = f"; without a number: {METRICS[title].why_nan}" if any(map(math.isnan, table.values())) else ""
        elements += [Text(title + why), Facts([(name, _number(value)) for name, value in table.items()])]
    return elements


def _curves(analysis: Analysis) -> list[Element]:
    known = [(name, curve) for name, curve in zip(analysis.classes, analysis.curves, strict=True) if curve is not None]
    charts = [curve_chart(name, curve) for name, curve in known]
    elements: list[Element] = [Charts(charts[:_OPEN_CURVES])] if charts else [Note("info", "No object counts")]
    if rest := charts[_OPEN_CURVES:]:
        elements.append(Fold(f"{counted(len(rest), 'class')} more", [Charts(rest)]))
    return elements


def _errors(analysis: Analysis) -> list[Element]:
    ids = [*([None] if len(analysis.classes) > 1 else []), *range(len(analysis.classes))]
    rows: list[list[Cell]] = []
    for class_id in ids:
        counts = counts_of(analysis, class_id)
        if class_id is None or any(counts):
            rows.append(["all" if class_id is None else analysis.classes[class_id], *counts])
    head = ["class", *LABELS]
    if not analysis.detects:
        none = f"No detection reaches score {analysis.thresholds.min_score:g}"
        return [Note("info", none, _WHY_NO_ERRORS), *_folded(head, rows, "Missed objects")]
    return [Charts([kinds_chart(analysis)]), *_folded(head, rows, "Detections by kind, and missed objects")]


def _certainty(analysis: Analysis) -> list[Element]:
    one = analysis.calibration
    rows: list[list[Cell]] = [
        [f"{low:.1f} to {high:.1f}", right, wrong, Share(right / (right + wrong) if right + wrong else math.nan)]
        for low, high, right, wrong in zip(
            one.edges[:-1], one.edges[1:], one.right.tolist(), one.wrong.tolist(), strict=True
        )
    ]
    if math.isnan(one.error):
        return [Note("info", "There are no detections")]
    return [
        Charts([calibration_chart(one), scores_chart(one)]),
        Fold("The numbers", [Table(["score", "right", "wrong", "share right"], rows)]),
    ]


def _sizes(analysis: Analysis) -> list[Element]:
    if not analysis.sizes:
        return [Note("info", "No object counts")]
    rows: list[list[Cell]] = [
        [
            f"{size.low:g} and more" if math.isinf(size.high) else f"{size.low:g} to {size.high:g}",
            size.objects,
            Share(size.found / size.objects),
            Share(size.at_all / size.objects),
        ]
        for size in analysis.sizes
    ]
    found = f"found from {analysis.thresholds.min_score:g} on"
    return [Table(["side in pixels", "objects", found, "found at any score"], rows, "Objects by size")]


def _folded(head: list[str], rows: list[list[Cell]], caption: str) -> list[Element]:
    """Return a table, and behind a fold the rows beyond the first."""
    elements: list[Element] = [Table(head, rows[:_OPEN_ROWS], caption)]
    if rest := rows[_OPEN_ROWS:]:
        elements.append(Fold(f"{counted(len(rest), 'row')} more", [Table(head, rest)]))
    return elements


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _share(part: int, whole: int) -> str:
    """Return a share in words; only nothing is 0%, and only all is 100%."""
    if not whole:
        return "-"
    if 0 < part < whole:
        return "below 1%" if part / whole < 0.01 else f"{min(part / whole, 0.99):.0%}"
    return f"{part / whole:.0%}"
