"""Data in practice, as other tools and systems write it."""

from __future__ import annotations

import pytest

from dali_ssd.errors import AnnotationError, NothingLeftError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label
from tests.support.annotations import CAT, Coco, Voc, by_coco, by_voc, jpeg, turned_tiff


@pytest.mark.parametrize("word", ["Unspecified", "False", "no", "1.0"])
def test_difficult_is_a_word(voc: Voc, word: str) -> None:
    voc.add("a", [CAT], difficult=word)
    done = by_voc(voc)
    assert not parse_label(open_dataset(done.shards[0]).read(0)[0].label).difficult.any()
    assert done.report.count("difficult-word") == 1


def test_capitals_in_file_names(voc: Voc, coco: Coco) -> None:
    voc.add("3", [CAT], suffix=".JpG")
    (voc.root / "Annotations/3.xml").rename(voc.root / "Annotations/3.XML")
    assert by_voc(voc).report.objects == 1
    coco.image(1, file_name="1.JPG")
    coco.categories(cat=1)
    coco.box(1, 1, [10, 10, 30, 30])
    report = by_coco(coco).report
    assert (report.objects, report.count("other-case")) == (1, 1)


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


@pytest.mark.parametrize(("on_bad", "images"), [("skip", 1), ("keep", 2)])
def test_cut_image(voc: Voc, on_bad: str, images: int) -> None:
    data = jpeg(100, 50)
    voc.add("a", [CAT])
    voc.add("b", [CAT], image=data[: len(data) // 2])
    done = by_voc(voc, on_bad=on_bad)
    assert (done.report.images, done.report.count("cut-image")) == (images, 1)
    with pytest.raises(AnnotationError, match="bad image"):
        by_voc(voc, on_bad="raise", overwrite=True)
