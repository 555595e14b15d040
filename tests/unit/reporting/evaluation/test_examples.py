"""Pictures of errors: what is on them is worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jinja2")

from dali_ssd.metrics.verdicts import Kind
from dali_ssd.pages.elements import Gallery, Note
from dali_ssd.records.format.labels import build_label
from dali_ssd.reporting.evaluation.evaluation import Evaluation
from dali_ssd.reporting.evaluation.examples import error_section, missed_section
from dali_ssd.visualize.grid import Tile, tile_picture
from tests.support.detected import detected
from tests.support.elements import notes, only
from tests.support.evaluated import evaluated
from tests.support.shards import draw, encoded, random_boxes, random_record, write

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


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Tile]:
    """What the pictures of a test are drawn from."""
    tiles: list[Tile] = []

    def keeping(tile: Tile, *args: Any, **options: Any) -> Any:
        tiles.append(tile)
        return tile_picture(tile, *args, **options)

    monkeypatch.setattr("dali_ssd.reporting.evaluation.examples.tile_picture", keeping)
    return tiles


@pytest.fixture
def wide(tmp_path: Path) -> Evaluation:
    """An image of 60 by 40 pixels, whose sides are 300 in the network; the second object is taken for another class."""
    rng = np.random.default_rng(0)
    label = build_label(random_boxes(rng, 2), np.arange(2))  # the boxes that count are those of the detections
    shard = write(tmp_path, [(label, encoded(draw(rng, 40, 60)))])[0]
    found = [((155, 150, 250, 270), 2, 0.875), ((100, 30, 200, 60), 1, 0.25)]
    image = detected(found, [((0, 0, 50, 60), 0), ((150, 150, 250, 270), 1)])
    return evaluated(shard, NAMES, [image])


def test_a_detection_is_drawn_with_the_objects_around_it(wide: Evaluation, drawn: list[Tile]) -> None:
    section = error_section(wide, Kind.CONFUSION)
    [picture], [tile] = only(Gallery, section.elements).pictures, drawn
    # 96 * 121 pixels are shared, of 101 * 121 together.
    assert picture.caption == "star 0.88, over square, IoU 0.95. s.rec record 0"
    assert picture.alt == "s.rec record 0: star 0.88, over square, IoU 0.95"
    assert tile.image.shape == (40, 60, 3) and tile.scores is not None and tile.faint_boxes is not None
    np.testing.assert_allclose(tile.boxes, [[31, 20, 50, 36]], rtol=1e-5)
    np.testing.assert_allclose(tile.faint_boxes, [[0, 0, 10, 8], [30, 20, 50, 36]], rtol=1e-5)
    assert (tile.class_ids.tolist(), tile.scores.tolist()) == ([2], [0.875])


def test_a_missed_object_is_drawn_with_what_was_found_around_it(wide: Evaluation, drawn: list[Tile]) -> None:
    """Without what is found at scores that do not count."""
    pictures = only(Gallery, missed_section(wide).elements).pictures
    assert [picture.caption for picture in pictures] == [
        "square, 110 pixels. s.rec record 0",
        "circle, 55 pixels. s.rec record 0",
    ]
    for tile, box, class_id in zip(drawn, ([30, 20, 50, 36], [0, 0, 10, 8]), (1, 0), strict=True):
        assert tile.faint_boxes is not None and tile.scores is None and tile.class_ids.tolist() == [class_id]
        np.testing.assert_allclose(tile.boxes, [box], rtol=1e-5)
        np.testing.assert_allclose(tile.faint_boxes, [[31, 20, 50, 36]], rtol=1e-5)


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
