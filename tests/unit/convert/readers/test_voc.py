from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.convert.readers.voc import VocConfig
from dali_ssd.convert.run import convert
from dali_ssd.errors import AnnotationError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import Objects, parse_label
from tests.support.annotations import Voc, jpeg


def objects(shard: Path, i: int = 0) -> Objects:
    return parse_label(open_dataset(shard).read(i)[0].label)


def test_boxes_are_one_based_like_gluoncv(voc: Voc, out: Path) -> None:
    voc.add("a", [("cat", 11, 6, 51, 26), ("dog", 1, 1, 101, 51)])
    converted = convert(VocConfig(voc.root, out))
    assert converted.classes == ("cat", "dog")
    assert (out / "classes.txt").read_text() == "cat\ndog\n"
    found = objects(out / "data.rec")
    np.testing.assert_array_equal(found.boxes, np.array([[0.1, 0.1, 0.5, 0.5], [0, 0, 1, 1]], np.float32))
    assert found.class_ids.tolist() == [0, 1]
    assert converted.report.count("clipped") == 0


def test_zero_based_and_difficult(voc: Voc, out: Path) -> None:
    voc.add("a", [("cat", 10, 5, 50, 25)], difficult="1")
    convert(VocConfig(voc.root, out, one_based=False))
    found = objects(out / "data.rec")
    np.testing.assert_array_equal(found.boxes, np.array([[0.1, 0.1, 0.5, 0.5]], np.float32))
    assert found.difficult.tolist() == [True]


def test_image_bytes_are_untouched(voc: Voc, out: Path) -> None:
    voc.add("a", [("cat", 10, 5, 50, 25)])
    convert(VocConfig(voc.root, out))
    assert open_dataset(out / "data.rec").read(0)[1] == (voc.root / "JPEGImages" / "a.jpg").read_bytes()


def test_split_order_and_classes_of_all_splits(voc: Voc, out: Path) -> None:
    for i, name in enumerate(("zebra", "ant", "bee")):
        voc.add(f"{i}", [(name, 10, 5, 20 + 10 * i, 25)])
    voc.split("train", "2", "", "0  1", "7", "2")
    converted = convert(VocConfig(voc.root, out, split="train"))
    assert converted.classes == ("ant", "bee", "zebra")
    assert [objects(out / "train.rec", i).class_ids.tolist() for i in range(2)] == [[1], [2]]
    assert converted.report.count("no-annotation") == 1 and converted.report.images == 2


@pytest.mark.parametrize(
    ("box", "kind", "stored"),
    [
        ((-9, 6, 51, 26), "clipped", [0, 0.1, 0.5, 0.5]),
        ((11, 6, 151, 91), "clipped", [0.1, 0.1, 1, 1]),
        ((11, 6, 11, 26), "zero-area", None),
        ((51, 6, 11, 26), "inverted", None),
        ((201, 6, 251, 26), "outside", None),
        (("nan", 6, 51, 26), "not-finite", None),
        ((11, 6, "inf", 26), "not-finite", None),
    ],
)
def test_boxes_that_do_not_fit(voc: Voc, out: Path, box: Any, kind: str, stored: list[float] | None) -> None:
    voc.add("a", [("cat", *box), ("cat", 1, 1, 101, 51)])
    report = convert(VocConfig(voc.root, out)).report
    found = objects(out / "data.rec").boxes.tolist()
    assert report.count(kind) == 1
    assert report.objects == len(found) == (1 if stored is None else 2)
    if stored is not None:
        np.testing.assert_array_equal(np.float32(found[0]), np.array(stored, np.float32))
    assert any("a.xml, object 0" in line for line in report.lines())


@pytest.mark.parametrize(
    ("orientation", "declared", "kind", "stored"),
    [
        (6, (50, 100), "exif-upright", [0.2, 0.2, 0.4, 0.8]),
        (6, (100, 50), "exif-raw", [0.1, 0.4, 0.4, 0.8]),
        (6, None, "exif-assumed-raw", [0.1, 0.4, 0.4, 0.8]),
        (3, (100, 50), "exif-assumed-raw", [0.1, 0.4, 0.4, 0.8]),
    ],
)
def test_exif_rotation(voc: Voc, out: Path, orientation: int, declared: Any, kind: str, stored: list[float]) -> None:
    # upright (50 x 100): x 10..40, y 20..40; orientation 6 has raw x = upright y, raw y = 50 - upright x.
    box = (11, 21, 41, 41)
    voc.add("a", [("cat", *box)], (100, 50), declared, orientation=orientation)
    report = convert(VocConfig(voc.root, out)).report
    np.testing.assert_array_equal(objects(out / "data.rec").boxes, np.array([stored], np.float32))
    assert report.count(kind) == 1 and report.count("size-differs") == 0


def test_exif_can_be_forced(voc: Voc, out: Path) -> None:
    voc.add("a", [("cat", 11, 21, 41, 41)], (100, 50), None, orientation=3)
    report = convert(VocConfig(voc.root, out, exif="upright")).report
    np.testing.assert_array_equal(objects(out / "data.rec").boxes, np.array([[0.6, 0.2, 0.9, 0.6]], np.float32))
    assert report.count("exif-forced") == 1


def test_unknown_class_missing_and_broken_images(voc: Voc, out: Path) -> None:
    voc.add("a", [("cat", 11, 6, 51, 26), ("cow", 11, 6, 51, 26)])
    voc.add("b", [("cat", 11, 6, 51, 26)], image=b"")
    voc.add("c", [("cat", 11, 6, 51, 26)], image=b"text")
    voc.add("d", [("cat", 11, 6, 51, 26)])
    (voc.root / "JPEGImages" / "d.jpg").unlink()
    report = convert(VocConfig(voc.root, out, classes="cat,dog")).report
    assert report.images == 1 and report.objects == 1
    assert [report.count(kind) for kind in ("unknown-class", "not-an-image", "missing-image")] == [1, 2, 1]
    text = (out / "data.report.txt").read_text()
    assert "cow" in text and "c.jpg" in text and "d.jpg" in text


@pytest.mark.parametrize("drop", [False, True])
def test_images_without_objects(voc: Voc, out: Path, drop: bool) -> None:
    voc.add("a", [])
    voc.add("b", [("cat", 11, 6, 51, 26)])
    report = convert(VocConfig(voc.root, out, drop_empty=drop)).report
    assert report.images == (1 if drop else 2)
    assert report.count("empty-left-out" if drop else "empty") == 1
    assert len(objects(out / "data.rec")) == (1 if drop else 0)


def test_other_suffixes_are_found(voc: Voc, out: Path) -> None:
    voc.add("a.b", [("cat", 11, 6, 51, 26)], suffix=".png")
    (voc.root / "JPEGImages" / "photo 7.JPG").write_bytes(jpeg(100, 50))
    named = "<annotation><filename>photo 7.JPG</filename></annotation>"
    voc.xml("seven", named)
    assert convert(VocConfig(voc.root, out)).report.images == 2


BOX = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no element found"),
        ("<annotation>", "no element found"),
        ("\x00", "unclosed token"),
        ("<?xml version='1.0' encoding='nonsense'?><a/>", "nonsense"),
    ],
)
def test_broken_annotation_is_left_out_with_a_note(voc: Voc, out: Path, text: str, message: str) -> None:
    voc.add("a", [("cat", 11, 6, 51, 26)])
    voc.xml("b", text)
    report = convert(VocConfig(voc.root, out)).report
    assert (report.images, report.count("broken-annotation")) == (1, 1)
    assert any("b.xml" in line and message in line for line in report.lines())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOX, "<name> is missing"),
        ("<name>cat</name>", "<bndbox> is missing"),
        (f"<name>cat</name>{BOX.replace('9', 'nine', 1)}", "<xmax> is 'nine', not a number"),
        (f"<name>cat</name>{BOX.replace('xmin', 'x')}", "<xmin> is missing"),
    ],
)
def test_broken_object_is_left_out_with_a_note(voc: Voc, out: Path, text: str, message: str) -> None:
    voc.add("a", [])
    good, flat = f"<name>cat</name>{BOX}", f"<name>cat</name>{BOX.replace('9', '1')}"
    voc.xml("a", "<a>" + "".join(f"<object>{one}</object>" for one in (text, good, flat)) + "</a>")
    report = convert(VocConfig(voc.root, out)).report
    assert (report.objects, report.count("broken-object"), report.count("zero-area")) == (1, 1, 1)
    lines = list(report.lines())
    assert any(f"a.xml, object 0: {message}" in line for line in lines)
    assert any("a.xml, object 2: cat" in line for line in lines), "numbers are those of the file"


@pytest.mark.parametrize("width", ["", "wide", "<b/>"])
def test_size_that_is_none_is_unknown(voc: Voc, out: Path, width: str) -> None:
    voc.add("a", [("cat", 11, 6, 51, 26)], declared=(width, 50))
    report = convert(VocConfig(voc.root, out)).report
    assert report.objects == 1 and report.count("size-differs") == 0


def test_all_annotations_broken_is_said(voc: Voc, out: Path) -> None:
    voc.xml("a", "<annotation>")
    with pytest.raises(AnnotationError, match=r"give --classes\n(.*\n)*.*a\.xml: no element found"):
        convert(VocConfig(voc.root, out))


def test_nothing_to_convert(voc: Voc, out: Path) -> None:
    with pytest.raises(AnnotationError, match=r"no \.xml files"):
        convert(VocConfig(voc.root, out))
    voc.add("a", [], image=b"")
    with pytest.raises(AnnotationError, match="--classes"):
        convert(VocConfig(voc.root, out))
    with pytest.raises(AnnotationError, match="nothing to write"):
        convert(VocConfig(voc.root, out, classes="cat"))
    assert os.listdir(out) == []


def test_bad_splits(voc: Voc, out: Path) -> None:
    voc.add("a", [("cat", 11, 6, 51, 26)])
    voc.split("val", "a")
    voc.split("empty")
    with pytest.raises(AnnotationError, match="there are empty, val"):
        convert(VocConfig(voc.root, out, split="train"))
    with pytest.raises(AnnotationError, match="is empty"):
        convert(VocConfig(voc.root, out, split="empty"))


def test_split_ids_may_have_spaces(voc: Voc, out: Path) -> None:
    for identity in ("img 1", "img"):
        voc.add(identity, [("cat", 11, 6, 51, 26)])
    voc.split("train", "img 1", "img 0")
    report = convert(VocConfig(voc.root, out, split="train")).report
    assert report.images == 2 and report.count("no-annotation") == 0
