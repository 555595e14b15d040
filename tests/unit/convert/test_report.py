"""The report of a conversion."""

from __future__ import annotations

import re

from dali_ssd.convert.look import BAD_IMAGES
from dali_ssd.convert.report import KINDS, Report, reason
from dali_ssd.convert.sample import Note
from dali_ssd.util.words import counted


def test_report_explains_every_kind() -> None:
    report = Report()
    for kind in KINDS:
        report.add([Note(kind, f"{kind} {i}", "why") for i in range(5)])
    short, full = list(report.lines(examples=2)), list(report.lines(examples=None))
    assert "    ... and 3 more" in short and len(full) == 1 + 6 * len(KINDS)
    assert all(f"{counted(5, word)} {what}" in short for word, what in KINDS.values())


def test_what_is_said_of_a_kind_fits_one_as_well_as_many() -> None:
    assert not [what for _, what in KINDS.values() if re.search(r"\b(it|them|theirs?)\b", what)]


def test_reason_says_nothing_of_what_was_done() -> None:
    for kind in BAD_IMAGES:
        assert reason(kind) in KINDS[kind][1] and "left out" not in reason(kind) and "--on-bad" not in reason(kind)
