"""The annotations of a VOC folder, and their images."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.errors import AnnotationError
from dali_ssd.records.format.classes import read_classes
from tests.support.annotations import CAT, Voc, by_voc


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


def test_files_that_come_between_two_conversions(voc: Voc) -> None:
    """As in a notebook: each conversion lists the folders again."""
    voc.add("1", [CAT])
    photo = voc.root / "JPEGImages/1.jpg"
    photo.rename(photo.with_suffix(".away"))
    with pytest.raises(AnnotationError):
        by_voc(voc)
    photo.with_suffix(".away").rename(photo.with_suffix(".JpG"))
    assert by_voc(voc).report.images == 1
