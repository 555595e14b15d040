"""Data as people have it: what other tools and systems write."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dali_ssd.cli.convert import run
from dali_ssd.cli.main import main
from dali_ssd.convert.readers.coco import CocoConfig
from dali_ssd.convert.readers.voc import VocConfig
from dali_ssd.convert.run import Converted, convert
from dali_ssd.errors import AnnotationError, NothingLeftError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.classes import read_classes
from dali_ssd.records.format.labels import parse_label
from tests.support.annotations import Coco, Voc, jpeg

CAT = ("cat", 11, 11, 41, 41)


def by_voc(voc: Voc, **options: Any) -> Converted:
    return convert(VocConfig(voc.root, voc.root / "out", workers=1, **options))


def by_coco(coco: Coco, **options: Any) -> Converted:
    coco.save()
    return convert(CocoConfig(coco.root, coco.root / "out", workers=1, **options))


def boxes(done: Converted) -> np.ndarray[Any, Any]:
    return parse_label(open_dataset(done.shards[0]).read(0)[0].label).boxes


def turned_tiff() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (100, 50)).save(stream, "TIFF", tiffinfo={274: 6})
    return stream.getvalue()


@pytest.mark.parametrize("word", ["Unspecified", "False", "no", "1.0"])
def test_difficult_is_a_word(voc: Voc, word: str) -> None:
    voc.add("a", [CAT], difficult=word)
    done = by_voc(voc)
    assert not parse_label(open_dataset(done.shards[0]).read(0)[0].label).difficult.any()
    assert done.report.count("difficult-word") == 1


@pytest.mark.parametrize("line", ["s/a", "s\\a"])
def test_subfolders(voc: Voc, line: str) -> None:
    for name in ("Annotations", "JPEGImages"):
        (voc.root / name / "s").mkdir()
    voc.add("s/a", [CAT])
    voc.add("b", [CAT])
    voc.split("train", line, "b")
    assert by_voc(voc, split="train").report.images == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_at_the_beginning_of_text(voc: Voc, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes("cat\r\ndog\r\n".encode(encoding))
    assert read_classes(tmp_path / "names.txt") == ("cat", "dog")
    voc.add("a", [CAT])
    voc.split("train")
    (voc.root / "ImageSets/Main/train.txt").write_bytes("a\r\n".encode(encoding))
    assert by_voc(voc, split="train").report.objects == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_at_the_beginning_of_json(one: Coco, encoding: str) -> None:
    path = one.save()
    path.write_bytes(path.read_text().encode(encoding))
    assert convert(CocoConfig(one.root, one.root / "out", workers=1)).report.objects == 1


@pytest.mark.parametrize("name", ["", "  ", "traffic\nlight", "\ud83d", "a\0b"])
def test_class_names_that_are_no_line(one: Coco, name: str) -> None:
    one.content["categories"].append({"id": 7, "name": name})
    with pytest.raises(AnnotationError, match="category 7: 'name' cannot be used"):
        by_coco(one)


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


def test_capitals_in_file_names(voc: Voc, coco: Coco) -> None:
    voc.add("3", [CAT], suffix=".JpG")
    (voc.root / "Annotations/3.xml").rename(voc.root / "Annotations/3.XML")
    assert by_voc(voc).report.objects == 1
    coco.image(1, file_name="1.JPG")
    coco.categories(cat=1)
    coco.box(1, 1, [10, 10, 30, 30])
    report = by_coco(coco).report
    assert (report.objects, report.count("other-case")) == (1, 1)


def test_capitals_in_a_split_and_an_image(voc: Voc) -> None:
    voc.add("Photo", [CAT])
    (voc.root / "JPEGImages/Photo.jpg").rename(voc.root / "JPEGImages/PHOTO.JPG")
    voc.split("train", "photo")
    report = by_voc(voc, split="train").report
    assert (report.objects, report.count("other-case")) == (1, 1)


def test_two_annotations_of_one_name(voc: Voc) -> None:
    voc.add("a", [CAT])
    (voc.root / "Annotations/a.XML").write_text((voc.root / "Annotations/a.xml").read_text())
    report = by_voc(voc).report
    assert (report.images, report.count("same-id")) == (1, 1)


def test_fractions_in_coco(one: Coco) -> None:
    one.content["annotations"] = []
    one.box(1, 1, [0.1, 0.2, 0.5, 0.5])
    done = by_coco(one)
    assert (done.report.objects, done.report.count("fraction-box")) == (0, 1)
    assert "cat bbox [0.1, 0.2, 0.5, 0.5]" in "".join(done.report.lines()), "as the file has it"
    done = by_coco(one, coordinates="fraction", overwrite=True)
    np.testing.assert_allclose(boxes(done), [[0.1, 0.2, 0.6, 0.7]], atol=1e-6)
    assert done.report.count("fractions") == 1


def test_fractions_in_voc(voc: Voc) -> None:
    voc.add("a", [("cat", 0.1, 0.2, 0.5, 0.6), CAT])
    done = by_voc(voc)
    assert (done.report.objects, done.report.count("fraction-box")) == (1, 1)
    assert "(0.1, 0.2, 0.5, 0.6)" in "".join(done.report.lines())
    with pytest.raises(AnnotationError, match=r"bad image or annotation.*a\.xml, object 0, too small for pixels"):
        by_voc(voc, on_bad="raise", overwrite=True)
    done = by_voc(voc, coordinates="fraction", overwrite=True)
    np.testing.assert_allclose(boxes(done), [[0.1, 0.2, 0.5, 0.6]], atol=1e-6)
    assert done.report.count("pixel-box") == 1
    with pytest.raises(AnnotationError, match=r"object 1, pixels where --coordinates fraction wants fractions"):
        by_voc(voc, coordinates="fraction", on_bad="raise", overwrite=True)


@pytest.mark.parametrize(
    "box", [[0.1, 0.1, 0.9, 0.95], [-0.1, 0, 1.1, 0.9], [0.5, 0.5, 0.6, 0.6], [-0.2, 0.3, 0.4, 0.1], [0, 0, 0.5, 1.5]]
)
def test_fractions_that_hang_over_the_border(one: Coco, box: list[float]) -> None:
    one.box(1, 1, box)
    report = by_coco(one).report
    assert (report.objects, report.count("fraction-box"), report.count("clipped")) == (1, 1, 0)


@pytest.mark.parametrize("box", [[0, 0, 1, 1], [0, 0, 1.02, 1.01], [-0.5, -0.5, 2, 2]])
def test_boxes_that_could_be_either_are_what_the_others_are(one: Coco, voc: Voc, box: list[float]) -> None:
    one.box(1, 1, box)
    report = by_coco(one).report
    assert (report.objects, report.count("fraction-box")) == (2, 0), "the other counts pixels"
    one.image(2)
    one.box(2, 1, [0.1, 0.2, 0.5, 0.5])
    report = by_coco(one, overwrite=True).report
    assert (report.objects, report.count("fraction-box")) == (1, 2)
    x, y, width, height = box
    voc.add("a", [CAT, ("cat", 0.1, 0.2, 0.5, 0.6), ("cat", x, y, x + width, y + height)])
    report = by_voc(voc).report
    assert (report.objects, report.count("fraction-box"), report.count("outside")) == (1, 2, 0)


def test_only_boxes_that_could_be_either(coco: Coco) -> None:
    coco.image(1)
    coco.categories(cat=1)
    coco.box(1, 1, [0, 0, 1, 1])
    assert by_coco(coco).report.count("fraction-box") == 1
    done = by_coco(coco, coordinates="fraction", overwrite=True)
    np.testing.assert_array_equal(boxes(done), [[0, 0, 1, 1]])


@pytest.mark.parametrize(
    "box", [[40, 30, 0.5, 0.5], [0, 0, 3, 0.25], [1, 1, 0, 0.5], [1, 1, -0.5, 0.5], [0, 0, 1e308, 1e308]]
)
def test_boxes_that_are_no_fractions(one: Coco, box: list[float]) -> None:
    one.box(1, 1, box)
    assert by_coco(one).report.count("fraction-box") == 0


def test_raise_ends_at_what_cannot_be_read(voc: Voc) -> None:
    voc.add("a", [CAT, ("cat", "left", 1, 9, 9)])
    with pytest.raises(AnnotationError, match=r"a\.xml, object 1, no class, no image, or no box of four numbers"):
        by_voc(voc, on_bad="raise")
    voc.xml("a", "<annotation>")
    with pytest.raises(AnnotationError, match=r"a\.xml, the annotation file cannot be read"):
        by_voc(voc, on_bad="raise")


def test_namespace_and_a_page_of_html(voc: Voc) -> None:
    voc.add("a", [CAT])
    path = voc.root / "Annotations/a.xml"
    path.write_text(path.read_text().replace("<annotation>", '<annotation xmlns="http://example.org/voc">'))
    voc.add("b", [CAT])
    voc.xml("b", "<html><body>404</body></html>")
    done = by_voc(voc)
    assert (done.report.images, done.report.objects, done.report.count("broken-annotation")) == (1, 1, 1)
    assert "<html>" in "".join(done.report.lines())


def test_tiff_with_an_orientation(voc: Voc) -> None:
    voc.add("a", [CAT], image=turned_tiff(), suffix=".tif")
    voc.add("b", [CAT])
    assert by_voc(voc).report.count("turned-tiff") == 1


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


def test_notes_name_the_annotation(one: Coco) -> None:
    one.box(1, 1, [])
    one.box(1, 1, [10, 10, 30, 30], iscrowd=1)
    one.box(1, 1, [300, 300, 30, 30])
    text = "\n".join(by_coco(one).report.lines())
    assert "image 1, annotation 3: cat bbox [300, 300, 30, 30]" in text
    assert "annotation 1: 'bbox' is []" in text


def test_no_usable_object_is_explained(one: Coco, voc: Voc) -> None:
    voc.add("a", [("cat", "10,5", 5, 20, 20)])
    with pytest.raises(NothingLeftError, match=r"no usable objects(.|\n)*a\.xml, object 0: <xmin> is '10,5'"):
        by_voc(voc)
    one.content["annotations"][0]["bbox"] = []
    with pytest.raises(NothingLeftError, match=r"no usable objects(.|\n)*annotation 0: 'bbox' is \[\]"):
        by_coco(one, drop_empty_classes=True)


def test_no_categories(one: Coco) -> None:
    one.content["categories"] = []
    with pytest.raises(NothingLeftError, match=r"instances\.json has no categories"):
        by_coco(one)


@pytest.mark.parametrize("name", ["images/1.jpg", "images\\1.jpg", "coco/images/1.jpg"])
def test_file_name_repeats_the_folder(coco: Coco, name: str) -> None:
    coco.image(1, file_name=name)
    coco.categories(cat=1)
    coco.box(1, 1, [10, 10, 30, 30])
    assert by_coco(coco).report.objects == 1


@pytest.mark.parametrize("box", [[], None, [1, 2], ["a", 1, 2, 3], [10**400, 2, 3, 4]])
def test_one_box_that_is_none(one: Coco, box: Any) -> None:
    one.box(1, 1, box)
    done = by_coco(one)
    assert (done.report.objects, done.report.count("broken-object")) == (1, 1)


@pytest.mark.parametrize(("on_bad", "images"), [("skip", 1), ("keep", 2)])
def test_cut_image(voc: Voc, on_bad: str, images: int) -> None:
    data = jpeg(100, 50)
    voc.add("a", [CAT])
    voc.add("b", [CAT], image=data[: len(data) // 2])
    done = by_voc(voc, on_bad=on_bad)
    assert (done.report.images, done.report.count("cut-image")) == (images, 1)
    with pytest.raises(AnnotationError, match="bad image"):
        by_voc(voc, on_bad="raise", overwrite=True)


def test_categories_that_nothing_uses(one: Coco) -> None:
    one.categories(animals=0)
    done = by_coco(one)
    assert (done.classes, done.report.count("unused-class")) == (("animals", "cat"), 1)
    done = by_coco(one, drop_empty_classes=True, overwrite=True)
    assert (done.classes, done.report.count("dropped-class")) == (("cat",), 1)


def test_class_names_that_may_not_be_meant(one: Coco) -> None:
    one.categories(__background__=0, Cat=2)
    report = by_coco(one).report
    assert (report.count("background-class"), report.count("similar-classes")) == (1, 1)


def test_no_object_at_all(coco: Coco, capsys: pytest.CaptureFixture[str]) -> None:
    coco.image(1)
    coco.categories(cat=1)
    coco.box(2, 1, [10, 10, 30, 30])
    coco.save()
    assert run(["coco", str(coco.root), str(coco.root / "out"), "--workers", "1"]) == 1
    assert "no objects were converted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("box", "image", "options", "code"),
    [
        (CAT, None, [], 0),
        (("cat", 0.1, 0.1, 0.5, 0.5), None, [], 1),
        (("cat", 0.1, 0.1, 0.5, 0.5), None, ["--drop-empty"], 1),
        (CAT, turned_tiff(), [], 1),
        (CAT, jpeg(1000, 500), [], 1),
        (CAT, b"", [], 1),
        (None, None, [], 1),
        (None, None, ["--classes", "cat"], 1),
        (CAT, None, ["--classes", "dog"], 1),
        (CAT, None, ["--images", "none"], 1),
        (CAT, None, ["--annotations", "none"], 2),
        (CAT, None, ["--split", "none"], 2),
        (CAT, jpeg(100, 50)[:600], ["--on-bad", "raise"], 2),
    ],
)
def test_exit_code(voc: Voc, box: Any, image: bytes | None, options: list[str], code: int) -> None:
    """1 where data were read and leave nothing to learn, 2 where the command cannot be carried out."""
    voc.add("a", [] if box is None else [box], image=image)
    assert main(["convert", "voc", str(voc.root), str(voc.root / "out"), "--workers", "1", *options]) == code


def test_files_that_come_between_two_conversions(voc: Voc) -> None:
    """In a notebook: folders are looked at anew each time."""
    voc.add("1", [CAT])
    photo = voc.root / "JPEGImages/1.jpg"
    photo.rename(photo.with_suffix(".away"))
    with pytest.raises(AnnotationError):
        by_voc(voc)
    photo.with_suffix(".away").rename(photo.with_suffix(".JpG"))
    assert by_voc(voc).report.images == 1
