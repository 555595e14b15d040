"""Errors as pictures, cut from the records: the surest of each kind, and the largest objects that are missed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import RecordError
from dali_ssd.metrics.verdicts import Kind
from dali_ssd.pages.elements import Element, Gallery, Note, Picture
from dali_ssd.pages.page import Section
from dali_ssd.pages.pictures import IN_GALLERY, picture
from dali_ssd.reporting.evaluation.evaluation import Evaluation
from dali_ssd.reporting.evaluation.kinds import MISSED, title_of
from dali_ssd.util.words import counted, first_few
from dali_ssd.visualize.crops import cut_around
from dali_ssd.visualize.grid import Tile, tile_picture
from dali_ssd.visualize.stored import caption_of
from dali_ssd.visualize.tiles import stored_tiles

__all__ = ["error_section", "missed_section"]

_log = logging.getLogger(__name__)

_LEADS = {
    Kind.LOCALIZATION: "The object that the box overlaps most is of its class, but the overlap is too small.",
    Kind.CONFUSION: "The object that the box overlaps most is of another class.",
    Kind.DUPLICATE: "The object is there, but a surer detection has found it.",
    Kind.BACKGROUND: "There is no object, or one that has no label.",
}
_EXAMPLES = 8
"""Pictures of each kind."""


def error_section(evaluation: Evaluation, kind: Kind) -> Section:
    """Return the section of a kind of wrong detections, with its surest."""
    analysis = evaluation.analysis
    total = analysis.kinds()[kind]
    surest = analysis.verdicts.surest(kind, _EXAMPLES, analysis.thresholds.min_score)
    which = f" The surest {len(surest)}:" if total > len(surest) else ""
    return Section(
        title_of(kind), _gallery(_wrong, evaluation, surest), f"{counted(total, 'detection')}. {_LEADS[kind]}{which}"
    )


def missed_section(evaluation: Evaluation) -> Section:
    """Return the section of objects that are missed, with the largest."""
    analysis = evaluation.analysis
    total = analysis.missed()
    largest = analysis.verdicts.largest_missed(_EXAMPLES, analysis.thresholds.min_score)
    lead = f"{counted(total, 'object')} that no detection of their class finds; white boxes are what was found."
    which = f" The largest {len(largest)}:" if total > len(largest) else ""
    # Praise is for a network that has found something.
    none: Literal["good", "info"] = "good" if analysis.detects else "info"
    return Section(MISSED.capitalize(), _gallery(_missed, evaluation, largest, none), lead + which)


def _gallery(
    draw: Callable[[Evaluation, int], Picture],
    evaluation: Evaluation,
    numbers: Sequence[int],
    if_none: Literal["good", "info"] = "good",
) -> list[Element]:
    """Return the pictures, and a note on those of records that cannot be read, which a warning in the log names too."""
    if not numbers:
        return [Note(if_none, "There are none")]
    pictures, faults = [], dict[str, None]()
    for number in numbers:
        try:
            pictures.append(draw(evaluation, number))
        except RecordError as error:
            faults[str(error)] = None
    elements: list[Element] = [Gallery(pictures)] if pictures else []
    for fault in faults:  # fewer than pictures, if several are of one record
        _log.warning("not drawn: %s", fault)
    if faults:
        title = f"{counted(len(numbers) - len(pictures), 'picture')} could not be drawn"
        elements.append(Note("warning", title, "\n\n".join(first_few(list(faults), "record"))))
    return elements


def _wrong(evaluation: Evaluation, number: int) -> Picture:
    verdicts = evaluation.analysis.verdicts
    record, row, kind = int(verdicts.image[number]), int(verdicts.row[number]), Kind(int(verdicts.kind[number]))
    found = evaluation.scores.found[record]
    what = f"{_name(evaluation, int(verdicts.class_ids[number]))} {verdicts.scores[number]:.2f}"
    if kind == Kind.CONFUSION:
        what += f", over {_name(evaluation, int(found.true_ids[verdicts.nearest[number]]))}"
    if kind != Kind.BACKGROUND:
        what += f", IoU {_rounded(verdicts.iou[number], evaluation.analysis.thresholds.min_iou)}"
    one = slice(row, row + 1)
    return _picture(
        evaluation, record, found.boxes[one], found.class_ids[one], found.scores[one], found.true_boxes, what
    )


def _rounded(value: np.float32, limit: float) -> str:
    """Write a number with two digits, or with the more that it takes to be on its side of a limit."""
    texts = (f"{value:.{digits}f}" for digits in range(2, 10))
    return next(text for text in texts if (np.float32(text) >= np.float32(limit)) == (value >= np.float32(limit)))


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
    name = caption_of(evaluation.dataset.place(record))
    drawn = tile_picture(tile, evaluation.scores.classes, least=IN_GALLERY, most=IN_GALLERY)
    return picture(drawn, f"{name}: {what}", f"{what}. {name}")
