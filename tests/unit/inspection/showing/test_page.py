from __future__ import annotations

import math
import shlex
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from dali_ssd.cli.main import main
from dali_ssd.inspection.examine import Inspected, examine
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.report import Advice, Marked, Timed
from dali_ssd.inspection.showing.page import report_page, write_report
from dali_ssd.inspection.showing.thumbnails import pictures_of
from dali_ssd.pages.elements import Chart, Charts, Element, Fold, Gallery, Note, Stats, Table
from dali_ssd.pages.page import Page
from dali_ssd.records.dataset import Dataset, open_dataset
from dali_ssd.records.format.labels import build_label
from dali_ssd.visualize.grid import Tile, tile_picture
from tests.support.commands import parsed
from tests.support.made_up import GROUNDS, REPORT, class_of
from tests.support.records import encoded
from tests.support.shards import write

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

HOSTILE = ["<script>alert(1)</script>", "a & b", "`code` $x^2$ \\frac", 'naïve "quotes"' + "x" * 100]


class Texts(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> Inspected:
    """Eight images, one of which no decoder takes, with classes of hostile names."""
    folder = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(0)
    labels = [build_label([[0.1, 0.1, *rng.uniform(0.2, 0.9, 2)]] * 2, [number % 4, 3]) for number in range(8)]
    images = [encoded(size=(200 + number, 150)) for number in range(8)]
    images[3] = images[3][:300] + bytes(len(images[3]) - 300)
    (shard,) = write(folder, zip(labels, images, strict=True))
    (folder / "classes.txt").write_text("\n".join(HOSTILE), encoding="utf-8")
    return examine(InspectConfig((str(shard),), views=1))


def elements(page: Page) -> list[Element]:
    found: list[Element] = [*page.summary, *(one for section in page.sections for one in section.elements)]
    for one in list(found):
        found += one.elements if isinstance(one, Fold) else one.charts if isinstance(one, Charts) else ()
    return found


def of_kind(page: Page, kind: type) -> list[Element]:
    return [one for one in elements(page) if isinstance(one, kind)]


def test_the_page_has_all_parts_and_no_foreign_tags(inspected: Inspected, tmp_path: Path) -> None:
    write_report(tmp_path / "a.html", inspected, "dali-ssd inspect '<b>'")
    found = Texts((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert "script" not in found.tags and "b" not in found.tags
    text = " ".join(found.texts)
    for name in (HOSTILE[0], HOSTILE[1], HOSTILE[3]):
        assert name in text
    for section in ("Advice", "Anchors", "Classes", "Boxes", "Images and cost", "Records to look at", "Findings"):
        assert section in found.texts
    assert list(tmp_path.iterdir()) == [tmp_path / "a.html"]


def test_pictures_are_those_that_can_be_decoded(inspected: Inspected) -> None:
    pictures = pictures_of(inspected)
    assert {one.number for one in inspected.report.exhibits} == set(pictures)
    assert sum(one is None for one in pictures.values()) <= 1
    page = report_page(inspected, pictures, "")
    shown = sum(len(one.pictures) for one in of_kind(page, Gallery) if isinstance(one, Gallery))
    assert shown == sum(one is not None for one in pictures.values())
    none = report_page(inspected, dict.fromkeys(pictures), "")
    assert not of_kind(none, Gallery)
    notes = [one for one in of_kind(none, Note) if isinstance(one, Note) and "could not be decoded" in one.title]
    config = parsed(notes[0].command)
    assert config.decode and config.shards == inspected.config.shards


def test_marked_objects_are_in_front_and_the_others_are_white(
    inspected: Inspected, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Tile] = []

    def keep(tile: Tile, *args: Any, **options: Any) -> Image.Image:
        drawn.append(tile)
        return tile_picture(tile, *args, **options)

    monkeypatch.setattr("dali_ssd.inspection.showing.thumbnails.tile_picture", keep)
    exhibits = [replace(one, marked=()) for one in inspected.report.exhibits[:2]]
    exhibits[1] = replace(exhibits[1], marked=(Marked(1, (0.25, 0.5, 0.5, 1.0)),))
    pictures_of(replace(inspected, report=replace(inspected.report, exhibits=tuple(exhibits))))
    whole, some = drawn
    assert whole.faint_boxes is None
    height, width = some.image.shape[:2]
    np.testing.assert_allclose(some.boxes, [[width / 4, height / 2, width / 2, height]])
    assert some.class_ids.tolist() == [1] and some.faint_boxes is not None and len(some.faint_boxes)


def test_the_command_below_a_picture_draws_it(
    inspected: Inspected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exhibits = {one.number: one for one in inspected.report.exhibits}
    for number, drawn in pictures_of(inspected).items():
        if drawn is not None:
            command = drawn.caption.split("`")[1]
            config = parsed(command)
            assert open_dataset(config.shards).number_of(config.record) == number
            assert config.record == exhibits[number].key
    for name in ("show", "inspect"):
        assert main([name, *shlex.split(command)[2:]]) == 0


def test_cost_and_advice_are_shown(inspected: Inspected) -> None:
    cost = replace(inspected.report.cost, images=(Timed(1, 8, False), Timed(2, 20, True)), base_ms=1.0,
                   ms_per_megapixel=9.0, mean_ms=10.0, note="")  # fmt: skip
    advice = Advice("Damage", "seen", "costs", "do", "command", urgent=True)
    report = replace(inspected.report, cost=cost, advice=(advice,))
    none = dict.fromkeys(one.number for one in report.exhibits)
    page = report_page(replace(inspected, report=report), none, "")
    assert len(of_kind(page, Chart)) == len(of_kind(report_page(inspected, none, ""), Chart)) + 1
    same = replace(report, cost=replace(cost, base_ms=math.nan, ms_per_megapixel=math.nan))
    assert len(of_kind(report_page(replace(inspected, report=same), none, ""), Chart)) == len(of_kind(page, Chart)) - 1
    (note,) = [one for one in of_kind(page, Note) if isinstance(one, Note) and one.title == "Damage"]
    assert (note.level, note.command) == ("warning", "command") and "What it costs: costs" in note.text


def test_many_classes_are_folded(inspected: Inspected) -> None:
    one = inspected.report.classes[0]
    classes = tuple(replace(one, id=number, name=f"name {number}") for number in range(5000))
    report = replace(inspected.report, classes=classes)
    page = report_page(replace(inspected, report=report), dict.fromkeys(one.number for one in report.exhibits), "")
    (fold,) = [one for one in of_kind(page, Fold) if isinstance(one, Fold) and "4,980 classes" in one.summary]
    (table,) = fold.elements
    assert isinstance(table, Table) and len(table.rows) == 4980


def test_a_page_without_objects_or_images(tmp_path: Path) -> None:
    for name, record in (("empty", (build_label([], []), encoded())), ("bad", (build_label([], []), b""))):
        (shard,) = write(tmp_path / name, [record])
        found = examine(InspectConfig((str(shard),), views=1))
        write_report(tmp_path / f"{name}.html", found, "")
        assert math.isnan(found.report.all.before.covered)
        text = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        assert "no objects to compare with anchors" in text and "nan" not in text.lower().replace("nanosec", "")


def test_the_headline_has_the_numbers_of_the_report() -> None:
    cost = replace(REPORT.cost, mean_ms=2.5)
    report = replace(REPORT, cost=cost, classes=(class_of(0, 40), class_of(1, 50), class_of(2, 0)))
    made_up = Inspected(GROUNDS.config, report, cast(Dataset, None), ())
    (stats,) = report_page(made_up, {}, "").summary
    assert isinstance(stats, Stats)
    found = {label: (value, note) for value, label, note in stats.numbers}
    assert found["images"] == ("60", "0 without an object") and found["objects"] == ("90", "3 per image in the median")
    assert found["classes"] == ("2", "1 more name without an object")
    assert found["covered, as stored"] == ("91.0%", "by an anchor at IoU 0.5")
    assert found["covered, augmented"] == ("82.0%", "4 views of each image")
    assert found["to decode an image"] == ("2.5 ms", "400 images/s of one core")
