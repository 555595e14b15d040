"""Fields of COCO files as tools write them."""

from __future__ import annotations

from typing import Any

import pytest

from dali_ssd.convert.readers.coco import CocoConfig
from dali_ssd.convert.run import convert
from dali_ssd.errors import AnnotationError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label
from tests.support.annotations import Coco, by_coco


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_at_the_beginning_of_json(one: Coco, encoding: str) -> None:
    path = one.save()
    path.write_bytes(path.read_text().encode(encoding))
    assert convert(CocoConfig(one.root, one.root / "out", workers=1)).report.objects == 1


@pytest.mark.parametrize(
    ("kind", "entry", "detail"),
    [
        ("images", {"id": 2, "file_name": "b\0.jpg"}, r"image 2: 'file_name' cannot be used"),
        ("images", {"id": 2}, "image 2: 'file_name' is missing"),
        ("images", {"file_name": "b.jpg"}, "images number 1: 'id' is missing"),
        ("annotations", {"id": 7, "image_id": 1, "bbox": [1, 1, 9, 9]}, "annotation 7: 'category_id' is missing"),
        ("annotations", {"image_id": 1, "bbox": [1, 1, 9, 9]}, "annotation number 1: 'category_id' is missing"),
        ("annotations", {"id": 7, "category_id": 1, "bbox": [1, 1, 9, 9]}, "annotation 7: 'image_id' is missing"),
        ("annotations", {"id": 7, "image_id": None, "category_id": 1}, "annotation 7: 'image_id' is None"),
    ],
)
def test_one_entry_of_no_use(one: Coco, kind: str, entry: dict[str, Any], detail: str) -> None:
    one.content[kind].append(entry)
    report = by_coco(one).report
    noted = "broken-image" if kind == "images" else "broken-object"
    assert (report.images, report.objects, report.count(noted)) == (1, 1, 1)
    assert detail in "".join(report.lines())
    with pytest.raises(AnnotationError, match=rf"bad image or annotation.*instances\.json, {detail.partition(':')[0]}"):
        by_coco(one, on_bad="raise", overwrite=True)


def test_ids_as_text_and_numbers(coco: Coco) -> None:
    coco.image("1")
    coco.categories(cat=1, dog=10, cow=9)
    coco.box(1, "1", [10, 10, 30, 30])
    done = by_coco(coco)
    assert (done.report.objects, done.classes) == (1, ("cat", "cow", "dog"))


def test_ids_that_are_whole_floats(one: Coco) -> None:
    one.content["categories"][0]["id"] = 1.0
    one.content["annotations"][0]["image_id"] = 1.0
    assert by_coco(one).report.objects == 1


@pytest.mark.parametrize(
    ("iscrowd", "crowd", "noted"),
    [
        ("0", 0, 0),
        ("1", 1, 0),
        (" 1 ", 1, 0),
        (1.0, 1, 0),
        (True, 1, 0),
        (None, 0, 0),
        ("no", 0, 1),
        ([], 0, 1),
        (0.5, 0, 1),
    ],
)
def test_crowd_is_a_number_or_its_text(one: Coco, iscrowd: Any, crowd: int, noted: int) -> None:
    one.box(1, 1, [10, 10, 30, 30], iscrowd=iscrowd)
    report = by_coco(one).report
    assert (report.objects, report.count("crowd"), report.count("crowd-word")) == (2 - crowd, crowd, noted)
    done = by_coco(one, crowd=True, overwrite=True)
    marks = parse_label(open_dataset(done.shards[0]).read(0)[0].label).difficult
    assert marks is not None and marks.tolist() == [False, bool(crowd)]


@pytest.mark.parametrize(
    ("width", "differs"), [("640", 1), (" 100", 0), (640.0, 1), ("wide", 0), (True, 0), ("9" * 99, 0)]
)
def test_size_is_a_number_or_its_text(coco: Coco, width: Any, differs: int) -> None:
    coco.image(1, width=width)
    coco.categories(cat=1)
    coco.box(1, 1, [10, 10, 30, 30])
    assert by_coco(coco, on_bad="keep").report.count("size-differs") == differs


@pytest.mark.parametrize("box", [[], None, [1, 2], ["a", 1, 2, 3], [10**400, 2, 3, 4]])
def test_one_box_that_is_none(one: Coco, box: Any) -> None:
    one.box(1, 1, box)
    done = by_coco(one)
    assert (done.report.objects, done.report.count("broken-object")) == (1, 1)
