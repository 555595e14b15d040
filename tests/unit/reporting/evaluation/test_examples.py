"""Pictures of errors: what is on them is worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jinja2")

from dali_ssd.metrics.verdicts import Kind
from dali_ssd.pages.elements import Gallery, Note
from dali_ssd.reporting.evaluation.evaluation import Evaluation
from dali_ssd.reporting.evaluation.examples import error_section, missed_section
from tests.support.detected import detected
from tests.support.elements import notes, only
from tests.support.evaluated import evaluated
from tests.support.shards import random_record, write

NAMES = ("circle", "square", "star")
BOX, FAR = (10, 10, 59, 59), (200, 200, 249, 249)


@pytest.fixture
def damaged(tmp_path: Path) -> Evaluation:
    """Each image has an object that is missed and a detection of nothing, but the second is none; the last is right."""
    records = [random_record(np.random.default_rng(number)) for number in range(4)]
    records[1] = (records[1][0], b"not an image")
    shard = write(tmp_path, records)[0]
    wrong = [detected([(FAR, 0, 0.9)], [(BOX, 1)]) for _ in range(3)]
    return evaluated(shard, NAMES, [*wrong, detected([(BOX, 1, 0.9)], [(BOX, 1)])])


def test_a_picture_that_cannot_be_drawn_is_left_out_and_named(
    damaged: Evaluation, caplog: pytest.LogCaptureFixture
) -> None:
    for section in (error_section(damaged, Kind.BACKGROUND), missed_section(damaged)):
        pictures, note = only(Gallery, section.elements).pictures, only(Note, section.elements)
        assert [picture.alt.partition(":")[0] for picture in pictures] == ["s.rec record 0", "s.rec record 2"]
        assert (note.level, note.title) == ("warning", "1 picture could not be drawn")
        assert "s.rec, record 1" in note.text and "cannot be decoded" in note.text
    assert caplog.messages == 2 * [f"not drawn: {note.text}"], "once for each part of the page"


def test_without_any_picture_there_are_still_errors(tmp_path: Path) -> None:
    shard = write(tmp_path, [(random_record(np.random.default_rng(0))[0], b"not an image")])[0]
    twice = detected([(FAR, 0, 0.9), (FAR, 0, 0.8)], [(BOX, 1)])
    section = error_section(evaluated(shard, NAMES, [twice]), Kind.BACKGROUND)
    assert notes(section.elements) == ["2 pictures could not be drawn"]
    assert only(Note, section.elements).text.count("cannot be decoded") == 1, "both are of one record"
    assert section.lead.startswith("2 detections.")
