"""Errors as pictures, cut from the records: the surest of each kind, and the largest objects that are missed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dali_ssd.metrics.verdicts import Kind
from dali_ssd.pages.elements import Element, Gallery, Note, Picture
from dali_ssd.pages.page import Section
from dali_ssd.pages.pictures import IN_GALLERY, picture
from dali_ssd.reporting.evaluation.evaluation import Evaluation
from dali_ssd.util.words import counted
from dali_ssd.visualize.crops import cut_around
from dali_ssd.visualize.grid import Tile, tile_picture
from dali_ssd.visualize.tiles import stored_tiles

__all__ = ["TITLES", "error_section", "missed_section"]

TITLES = {
    Kind.LOCALIZATION: "Badly placed",
    Kind.CONFUSION: "Another class",
    Kind.DUPLICATE: "Duplicates",
    Kind.BACKGROUND: "Background",
}
"""Of the kinds of errors."""
_LEADS = {
    Kind.LOCALIZATION: "The object that the box overlaps most is of its class, but the overlap is too small.",
    Kind.CONFUSION: "The object that the box overlaps most is of another class.",
    Kind.DUPLICATE: "The object is there, but a surer detection has found it.",
    Kind.BACKGROUND: "There is no object, or one that has no label.",
}
_EXAMPLES = 8
"""Pictures of each kind."""


def error_section(evaluation: Evaluation, kind: Kind) -> Section:
    """Return the section of a kind of wrong detections, with its surest. Raises RecordError if one cannot be read."""
    analysis = evaluation.analysis
    total = analysis.kinds()[kind]
    surest = analysis.verdicts.surest(kind, _EXAMPLES, analysis.thresholds.min_score)
    pictures = [_wrong(evaluation, number) for number in surest]
    which = f" The surest {len(pictures)}:" if total > len(pictures) else ""
    return Section(TITLES[kind], _gallery(pictures), f"{counted(total, 'detection')}. {_LEADS[kind]}{which}")


def missed_section(evaluation: Evaluation) -> Section:
    """Return the section of objects that are missed, with the largest. Raises RecordError if one cannot be read."""
    analysis = evaluation.analysis
    total = analysis.missed()
    largest = analysis.verdicts.largest_missed(_EXAMPLES, analysis.thresholds.min_score)
    pictures = [_missed(evaluation, number) for number in largest]
    lead = f"{counted(total, 'object')} that no detection of their class finds; white boxes are what was found."
    which = f" The largest {len(pictures)}:" if total > len(pictures) else ""
    return Section("Missed", _gallery(pictures), lead + which)


def _gallery(pictures: Sequence[Picture]) -> list[Element]:
    return [Gallery(pictures)] if pictures else [Note("good", "There are none")]


def _wrong(evaluation: Evaluation, number: int) -> Picture:
    verdicts = evaluation.analysis.verdicts
    record, row, kind = int(verdicts.image[number]), int(verdicts.row[number]), Kind(int(verdicts.kind[number]))
    found = evaluation.scores.found[record]
    what = f"{_name(evaluation, int(verdicts.class_ids[number]))} {verdicts.scores[number]:.2f}"
    if kind == Kind.CONFUSION:
        what += f", over {_name(evaluation, int(found.true_ids[verdicts.nearest[number]]))}"
    if kind != Kind.BACKGROUND:
        what += f", IoU {verdicts.iou[number]:.2f}"
    one = slice(row, row + 1)
    return _picture(
        evaluation, record, found.boxes[one], found.class_ids[one], found.scores[one], found.true_boxes, what
    )


def _missed(evaluation: Evaluation, number: int) -> Picture:
    verdicts = evaluation.analysis.verdicts
    record, row = int(verdicts.true_image[number]), int(verdicts.true_row[number])
    found = evaluation.scores.found[record]
    sure = found.boxes[found.scores >= evaluation.analysis.thresholds.min_score]
    what = f"{_name(evaluation, int(verdicts.true_ids[number]))}, {verdicts.side[number]:.0f} pixels"
    one = slice(row, row + 1)
    return _picture(evaluation, record, found.true_boxes[one], found.true_ids[one], None, sure, what)


def _name(evaluation: Evaluation, class_id: int) -> str:
    return evaluation.scores.classes[class_id]


def _picture(
    evaluation: Evaluation,
    record: int,
    boxes: NDArray[np.float32],
    class_ids: NDArray[np.int32],
    scores: NDArray[np.float32] | None,
    faint: NDArray[np.float32],
    what: str,
) -> Picture:
    """Draw the part of a record around the box (1, 4) with it and with the faint ones (k, 4), network pixels."""
    image = stored_tiles(evaluation.dataset, [record])[0].image
    scale = np.array([image.shape[1], image.shape[0]] * 2, np.float32) / np.float32(evaluation.data_shape)
    tile = cut_around(Tile(image, boxes * scale, class_ids, scores, faint_boxes=faint * scale), boxes[0] * scale)
    place = evaluation.dataset.place(record)
    name = f"{place.shard.name if place.shard else ''} record {place.key}"
    drawn = tile_picture(tile, evaluation.scores.classes, least=IN_GALLERY, most=IN_GALLERY)
    return picture(drawn, f"{name}: {what}", f"{what}. {name}")
