"""The tables of the page, from a report in which no two numbers are alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dali_ssd.inspection.report import Report, Timed
from dali_ssd.inspection.showing import sections
from dali_ssd.inspection.showing.sections import anchor_section, box_section, class_section, image_section
from dali_ssd.pages.elements import Cell, Chart, Facts, Share, Table
from dali_ssd.pages.page import Section
from tests.support.made_up import BETTER, NETWORK, REPORT, class_of, said

Asked = list[tuple[str, tuple[Any, ...]]]
DECODING = "decoding, one core of this machine"


@pytest.fixture(autouse=True)
def no_charts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """The charts that are asked for, by name and arguments; none is drawn."""
    asked: Asked = []

    def instead(name: str) -> Any:
        def draw(*given: Any, **_: Any) -> Chart:
            asked.append((name, given))
            return Chart("", 1, name)

        return draw

    for name in ("box_chart", "class_chart", "cost_chart", "histogram_chart", "layer_chart", "size_chart"):
        monkeypatch.setattr(sections, name, instead(name))
    yield asked


def tables(section: Section) -> list[Table]:
    return [one for one in section.elements if isinstance(one, Table)]


def columns(table: Table, row: int) -> dict[str, Cell]:
    """A row by the names of the columns; the second of a name has a `2`."""
    found: dict[str, Cell] = {}
    for name, cell in zip(table.head, table.rows[row], strict=True):
        found[f"{name} 2" if name in found else name] = cell
    return found


def test_sizes_have_shares_of_stored_and_of_augmented_objects() -> None:
    sizes, _, _ = tables(anchor_section(REPORT))
    assert [row[0] for row in sizes.rows] == ["small, below 32 px", "medium", "large, 96 px or more", "all"]
    assert columns(sizes, 0) == {
        "objects": "small, below 32 px", "stored": 10, "covered": Share(0.31), "one forced anchor": Share(0.62),
        "augmented": 50, "covered 2": Share(0.22), "one forced anchor 2": Share(0.71), "anchors each": 2,
    }  # fmt: skip


def test_feature_maps_have_their_own_shares() -> None:
    _, layers, _ = tables(anchor_section(REPORT))
    found = columns(layers, 1)
    assert (found["feature map"], found["pixels per cell"], found["anchors"]) == ("19x19", 16, 19 * 19 * 6)
    assert (found["square sides"], found["ratios"]) == ("45, 67", "1, 2, 1/2, 3, 1/3")
    shares = [found[name] for name in ("best for, stored", "best for, augmented", "covered")]
    assert shares == [Share(0.21), Share(0.11), Share(0.72)]


def test_other_anchors_have_shares_of_stored_and_of_augmented_objects() -> None:
    report = replace(REPORT, alternatives=(replace(NETWORK, names=("vgg16_atrous", "other")),),
                     fitted=replace(BETTER, sizes=(10, 20.5)))  # fmt: skip
    _, _, others = tables(anchor_section(report))
    assert columns(others, 0) == {
        "anchors of": "vgg16_atrous, other", "input, px": 300, "anchors": 8732,
        "stored": Share(0.91), "augmented": Share(0.82), "mean over classes": Share(0.85),
    }  # fmt: skip
    assert said(str(others.rows[1][0]), "vgg16_atrous", "10, 20.5")
    assert others.rows[1][1:] == [300, 9000, Share(0.99), Share(0.95), Share(0.97)]


def test_the_lead_says_what_was_matched() -> None:
    assert said(anchor_section(REPORT).lead, "0.5", "50 of 60 records", "80 as stored", "300 in 4 augmented views")


def test_classes_have_their_own_shares() -> None:
    report = replace(REPORT, classes=(class_of(0, 40), class_of(1, 70, 0.63, 0.44)))
    (table,) = tables(class_section(report))
    assert columns(table, 0) == {
        "class": "name-1", "id": 1, "images": 24, "objects": 70, "difficult": 10,
        "covered, stored": Share(0.63), "covered, augmented": Share(0.44), "one forced anchor": Share(0.15),
    }  # fmt: skip


def facts_of(section: Section) -> dict[str, str]:
    (facts,) = [one for one in section.elements if isinstance(one, Facts)]
    return dict(facts.rows)


def test_boxes_and_images_in_numbers() -> None:
    boxes = facts_of(box_section(replace(REPORT, boxes=replace(REPORT.boxes, difficult=8, empty=9))))
    assert (boxes["images without objects"], boxes["difficult objects"]) == ("9", "8")
    assert boxes["side, network pixels"].startswith("median 150") and boxes["width over height"].startswith(
        "median 3.3"
    )
    images = facts_of(image_section(replace(REPORT, images=replace(REPORT.images, progressive=0.25))))
    assert images["width, pixels"].startswith("median 960") and images["height, pixels"].startswith("median 720")
    assert images["progressive JPEGs"] == "25.0%" and images["image file, kB"].startswith("median 15,")


def with_cost(**changes: Any) -> Report:
    some = (Timed(1.0, 8.0, False), Timed(2.0, 20.0, True), Timed(3.0, 30.0, False))
    cost = replace(REPORT.cost, images=some, base_ms=1.5, ms_per_megapixel=9.5, mean_ms=12.25, note="")
    return replace(REPORT, cost=replace(cost, **changes))


def test_the_cost_of_decoding_in_words(no_charts: Asked) -> None:
    words = facts_of(image_section(with_cost()))[DECODING]
    assert said(words, "12.25 ms per image", "9.5 ms per megapixel", "3 images")
    assert "cost_chart" in [name for name, _ in no_charts]
    no_charts.clear()
    words = facts_of(image_section(with_cost(ms_per_megapixel=math.nan, note="some")))[
        "decoding, one core of this machine"
    ]
    assert "megapixel" not in words and words.endswith("; some") and "cost_chart" not in [name for name, _ in no_charts]


def test_each_histogram_is_of_what_its_title_says(no_charts: Asked) -> None:
    box_section(REPORT)
    image_section(REPORT)
    found = {given[1]: given[0] for name, given in no_charts if name == "histogram_chart"}
    boxes, images = REPORT.boxes, REPORT.images
    assert found == {
        "Objects per image": boxes.objects_per_image, "Sides of the boxes": boxes.sides, "Aspect ratios": boxes.ratios,
        "Image sizes": images.megapixels, "Record sizes": images.kilobytes,
    }  # fmt: skip
