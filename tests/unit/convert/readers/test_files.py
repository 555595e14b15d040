"""Finding files: linked folders, other case, names of other systems, and unreadable folders."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dali_ssd.convert.readers.coco import CocoConfig
from dali_ssd.convert.readers.locate import Located, forget, locate, locate_folder
from dali_ssd.convert.readers.voc import VocConfig
from dali_ssd.convert.run import Converted, convert
from dali_ssd.errors import AnnotationError, DaliSsdError
from tests.support.annotations import CAT, Coco, Voc, by_coco, by_voc, jpeg
from tests.support.nobody import as_nobody

COMPOSED, APART = (unicodedata.normalize(form, "Caf\N{LATIN SMALL LETTER E WITH ACUTE}") for form in ("NFC", "NFD"))


def shown(done: Converted) -> str:
    return "\n".join(done.report.lines())


@pytest.fixture
def sub(voc: Voc) -> Voc:
    """One image and its annotation in subfolders `s`, another one beside these."""
    for name in ("Annotations", "JPEGImages"):
        (voc.root / name / "s").mkdir()
    voc.add("s/a", [CAT])
    voc.add("b", [CAT])
    return voc


@pytest.fixture
def common() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Make a folder unreadable. Root ignores modes, so it becomes the user nobody meanwhile."""
    folder.chmod(0)
    try:
        with as_nobody():
            yield
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("split", ["", "train"])
def test_linked_folder_of_annotations(sub: Voc, tmp_path: Path, split: str) -> None:
    (sub.root / "Annotations/s").rename(tmp_path / "elsewhere")
    (sub.root / "Annotations/s").symlink_to(tmp_path / "elsewhere")
    sub.split("train", "s/a", "b")
    report = by_voc(sub, split=split).report
    assert (report.images, report.count("no-annotation")) == (2, 0)


def test_links_in_a_circle(sub: Voc) -> None:
    (sub.root / "Annotations/s/up").symlink_to(sub.root / "Annotations")
    (sub.root / "Annotations/first").symlink_to(sub.root / "Annotations/s")
    sub.split("train", "s/a", "b")
    assert by_voc(sub).report.images == by_voc(sub, split="train").report.images == 2


def test_closed_folder_of_annotations(common: Path) -> None:
    voc = Voc(common / "voc")
    (voc.root / "Annotations/s").mkdir()
    (voc.root / "out").mkdir(mode=0o777)
    (voc.root / "out").chmod(0o777)
    voc.add("b", [CAT])
    with closed(voc.root / "Annotations/s"):
        done = by_voc(voc)
        with pytest.raises(AnnotationError, match=r"Annotations/s, of annotations left out.*Permission denied"):
            by_voc(voc, on_bad="raise", overwrite=True)
    assert (done.report.images, done.report.count("unread-folder")) == (1, 1)
    assert f"{voc.root}/Annotations/s: Permission denied" in shown(done)
    with closed(voc.root / "Annotations"), pytest.raises(AnnotationError, match=r"Annotations \(Permission denied\)"):
        by_voc(voc, overwrite=True)


def test_closed_folder_of_images(common: Path) -> None:
    voc, coco = Voc(common / "voc"), Coco(common / "coco")
    for root in (voc.root, coco.root):
        (root / "out").mkdir()
        (root / "out").chmod(0o777)
    for name in ("Annotations", "JPEGImages"):
        (voc.root / name / "s").mkdir()
    voc.add("s/a", [CAT])
    voc.add("b", [CAT])
    with closed(voc.root / "JPEGImages/s"):
        report = by_voc(voc).report
    assert (report.images, report.count("unreadable-image")) == (1, 1)
    coco.image(1)
    coco.image(2, file_name="s/2.jpg")
    coco.categories(cat=1)
    coco.box(1, 1, [10, 10, 30, 30])
    coco.save()
    (coco.root / "images/s").mkdir()
    with closed(coco.root / "images/s"):
        report = convert(CocoConfig(coco.root, coco.root / "out", workers=1)).report
    assert (report.images, report.count("unreadable-image")) == (1, 1)


def test_names_that_are_too_long(one: Coco, voc: Voc) -> None:
    one.content["images"].append({"id": 2, "file_name": "a" * 300 + ".jpg"})
    report = by_coco(one).report
    assert (report.images, report.count("unreadable-image")) == (1, 1)
    voc.add("b", [CAT])
    voc.xml("a" * 251, f"<annotation><filename>{'b' * 300}.jpg</filename></annotation>")
    report = by_voc(voc).report
    assert (report.images, report.count("missing-image")) == (1, 1)


@pytest.mark.parametrize("name", ["C:\\data\\x\\a.jpg", ".", "..", "A.JPG", "images/."])
def test_missing_image_is_not_found_elsewhere(one: Coco, name: str) -> None:
    one.content["images"].append({"id": 2, "file_name": name})
    report = by_coco(one).report
    left = report.count("missing-image") + report.count("unreadable-image")
    assert (report.images, left, report.count("other-case")) == (1, 1, 0)


@pytest.mark.parametrize("name", ["Train/1.jpg", "train/1.JPG", "TRAIN\\1.jpg", "Images/train/1.jpg", "./Train/1.jpg"])
def test_folders_in_other_letters(one: Coco, name: str) -> None:
    (one.root / "images/train").mkdir()
    (one.root / "images/1.jpg").rename(one.root / "images/train/1.jpg")
    one.content["images"][0]["file_name"] = name
    done = by_coco(one)
    assert (done.report.images, done.report.count("other-case")) == (1, 1)
    assert f"images/train/1.jpg: {name}" in shown(done)


def test_two_folders_in_other_letters(tmp_path: Path) -> None:
    for name in ("train", "TRAIN"):
        (tmp_path / name).mkdir()
    (tmp_path / "TRAIN/a.jpg").touch()
    forget()
    assert locate(tmp_path, "Train/A.jpg") == Located(tmp_path / "TRAIN/a.jpg", True)
    assert locate(tmp_path, "TRAIN/a.jpg") == Located(tmp_path / "TRAIN/a.jpg", False)
    assert locate_folder(tmp_path, "Train") == tmp_path / "Train"
    (tmp_path / "train/a.jpg").touch()
    forget()
    assert locate(tmp_path, "Train/A.jpg") == Located(tmp_path / "Train/A.jpg", False)


def test_folders_of_a_set_in_other_letters(sub: Voc, one: Coco) -> None:
    sub.split("train", "S/a", "b")
    for name in ("Annotations", "JPEGImages", "ImageSets/Main", "ImageSets"):
        (sub.root / name).rename((sub.root / name).with_name(Path(name).name.lower()))
    assert by_voc(sub, split="train").report.objects == 2
    (one.root / "images").rename(one.root / "Images")
    one.save("Annotations/Instances.json")
    assert convert(CocoConfig(one.root, one.root / "out", workers=1)).report.objects == 1


@pytest.mark.parametrize(("written", "there"), [(COMPOSED, APART), (APART, COMPOSED), (COMPOSED.upper(), APART)])
def test_accents_beside_their_letters(one: Coco, voc: Voc, written: str, there: str) -> None:
    (one.root / "images/1.jpg").rename(one.root / f"images/{there}.jpg")
    one.content["images"][0]["file_name"] = f"{written}.jpg"
    done = by_coco(one)
    assert (done.report.images, done.report.count("other-case")) == (1, 1) and "Unicode" in shown(done)
    voc.xml(written, "<annotation><object><name>cat</name></object></annotation>")
    voc.split("train", there)
    (voc.root / f"JPEGImages/{there}.jpg").write_bytes(jpeg(100, 50))
    report = by_voc(voc, split="train", classes="cat").report
    assert (report.images, report.count("other-case")) == (1, 1)


def test_suffix_in_other_letters_is_no_news(voc: Voc) -> None:
    voc.add("a", [CAT])
    voc.xml("a", (voc.root / "Annotations/a.xml").read_text().replace("a.jpg", ""))
    (voc.root / "JPEGImages/a.jpg").rename(voc.root / "JPEGImages/a.JpG")
    report = by_voc(voc).report
    assert (report.images, report.count("other-case")) == (1, 0)


def test_files_that_macos_adds(voc: Voc) -> None:
    voc.add("a", [CAT])
    for name in ("._a", "._b"):
        (voc.root / f"Annotations/{name}.xml").write_bytes(b"\0\5\26\7")
    done = by_voc(voc)
    assert (done.report.images, done.report.count("broken-annotation"), done.report.count("mac-file")) == (1, 0, 2)
    assert "2 files left out" in shown(done)


@pytest.mark.parametrize(("folder", "stem"), [("caf\udce9", ""), ("caf\udce9/out", ""), ("out", "caf\udce9")])
def test_shards_that_dali_could_not_open(voc: Voc, tmp_path: Path, folder: str, stem: str) -> None:
    voc.add("a", [CAT])
    with pytest.raises(DaliSsdError, match="not UTF-8; choose another folder or name"):
        convert(VocConfig(voc.root, tmp_path / folder, stem=stem))
    assert not (tmp_path / folder).exists()
