"""Repairs and checks do what the definition of a kind says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dali_ssd.errors import RecordLocation
from dali_ssd.records.check import check
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label
from dali_ssd.records.lint import content
from dali_ssd.records.lint.box_checks import BoxCheck
from dali_ssd.records.lint.findings import KINDS
from dali_ssd.records.lint.kinds import Kind
from dali_ssd.records.options import CheckConfig
from dali_ssd.records.repair.quarantine import quarantine
from dali_ssd.records.repair.rewrite import fix
from tests.support.records import BOX, Write, encoded, record

GOOD = [record()] * 12
BAD = {
    "bad-header": b"short",
    "bad-label": record(label=[2, 5, 1]),
    "scalar-label": record(label=[3]),
    "not-finite": record([BOX, (0.1, np.nan, 0.5, 0.6)]),
    "bad-class": record([BOX, BOX], [0, 0.5]),
    "inverted-box": record([BOX, (0.5, 0.2, 0.1, 0.6)]),
    "zero-area-box": record([BOX, (0.1, 0.2, 0.1, 0.6)]),
    "outside-box": record([BOX, (1.1, 0.2, 1.5, 0.6)]),
    "overhanging-box": record([BOX, (0.1, 0.2, 0.5, 1.2)]),
    "pixel-coordinates": record([(4, 3, 20, 15), (5, 6, 30, 20)]),
    "no-objects": record([]),
    "not-an-image": record(image=b"text"),
    "unknown-format": record(image=encoded("GIF")),
    "turned-tiff": record(image=encoded("TIFF", orientation=6)),
    "truncated-image": record(image=encoded()[:-9]),
    "exif-rotation": record(image=encoded(orientation=6)),
}
KEPT_OBJECTS = {"drop object": 1, "clip box": 2, "convert box": 2}


@pytest.mark.parametrize("kind", BAD)
def test_a_repair_does_what_the_kind_says(kind: str, write: Write, tmp_path: Path) -> None:
    checked = check(CheckConfig((str(write([*GOOD, BAD[kind]])),), workers=1))
    assert [found.kind for found in checked.findings] == [kind]
    meaning = KINDS[kind]
    fixed = fix(checked.reports, checked.findings, tmp_path / "out", checked.unit, None)
    assert fixed.dropped == (meaning.repair == "drop record")
    assert fixed.mended == (meaning.repair in KEPT_OBJECTS)
    if fixed.mended:
        header, _ = open_dataset(fixed.paths[0]).read(12)
        assert len(parse_label(header.label)) == KEPT_OBJECTS[meaning.repair]
    left_out = quarantine(checked.reports, checked.findings, tmp_path / "good").dropped
    assert left_out == (meaning.severity == "error" or meaning.repair == "drop record")


def test_a_check_may_look_at_boxes_inside_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly all records have no other boxes, and skip the checks that cannot find anything in them."""
    narrow = BoxCheck(Kind("warning", "narrow", "none"), lambda boxes, _: boxes[:, 2] - boxes[:, 0] < 0.01, inside=True)
    monkeypatch.setitem(KINDS, "narrow", narrow.kind)
    monkeypatch.setattr(content, "CHECKS_INSIDE", {"narrow": narrow})
    found = content.check_record(record([BOX, (0.1, 0.2, 0.105, 0.6)]), RecordLocation())
    assert [(one.kind, one.place.object) for one in found.findings] == [("narrow", 1)]
    assert found.objects == 2
