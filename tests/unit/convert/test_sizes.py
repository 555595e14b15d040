"""Images whose annotation gives another size than the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.convert.readers.coco import CocoConfig
from dali_ssd.convert.readers.voc import VocConfig
from dali_ssd.convert.run import Converted, convert
from dali_ssd.convert.sample import Sample
from dali_ssd.convert.sizes import size_note
from dali_ssd.errors import AnnotationError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label
from tests.support.annotations import Coco, Voc

CAT = ("cat", 11, 6, 51, 26)


def by_voc(voc: Voc, **options: Any) -> Converted:
    return convert(VocConfig(voc.root, voc.root / "out", workers=1, **options))


def boxes(done: Converted, i: int = 0) -> list[list[float]]:
    found: list[list[float]] = parse_label(open_dataset(done.shards[0]).read(i)[0].label).boxes.tolist()
    return found


def shown(done: Converted) -> str:
    return "".join(done.report_file.read_text())


@pytest.fixture
def two(voc: Voc) -> Voc:
    """One image as annotated, one that was shrunk afterwards."""
    voc.add("a", [CAT])
    voc.add("b", [CAT], (100, 50), (1000, 500))
    return voc


def test_skip_leaves_them_out(two: Voc) -> None:
    done = by_voc(two)
    assert (done.report.images, done.report.count("size-differs")) == (1, 1)
    place = f"{two.root}/JPEGImages/b.jpg: 1000x500 in {two.root}/Annotations/b.xml, 100x50 in the file; left out"
    assert place in shown(done)


def test_keep_takes_pixels_of_the_file(two: Voc) -> None:
    done = by_voc(two, on_bad="keep")
    assert (done.report.images, done.report.count("size-differs")) == (2, 1)
    np.testing.assert_array_equal(boxes(done, 1), np.array([[0.1, 0.1, 0.5, 0.5]], np.float32))
    assert "100x50 in the file; kept" in shown(done)


def test_raise_names_the_image_and_both_sizes(two: Voc) -> None:
    with pytest.raises(AnnotationError) as caught:
        by_voc(two, on_bad="raise")
    assert str(caught.value).endswith(
        f"{two.root}/JPEGImages/b.jpg, whose annotation gives another size than the file "
        f"(1000x500 in {two.root}/Annotations/b.xml, 100x50 in the file)"
    )
    assert list((two.root / "out").iterdir()) == []


@pytest.mark.parametrize(("on_bad", "images"), [("skip", 1), ("keep", 2)])
def test_coco(coco: Coco, on_bad: Any, images: int) -> None:
    coco.image(1)
    coco.image(2, width=1000, height=500)
    coco.categories(cat=1)
    coco.box(1, 1, [10, 5, 40, 20])
    coco.box(2, 1, [10, 5, 40, 20])
    coco.save()
    done = convert(CocoConfig(coco.root, coco.root / "out", on_bad=on_bad))
    assert (done.report.images, done.report.count("size-differs")) == (images, 1)
    assert f"images/2.jpg: 1000x500 in {coco.root}/instances.json, image 2, 100x50 in the file" in shown(done)


@pytest.mark.parametrize("declared", [None, (0, 0), (0, 500), ("", 50), (100, 50)])
@pytest.mark.parametrize("on_bad", ["skip", "raise"])
def test_no_size_is_no_other_size(voc: Voc, on_bad: Any, declared: Any) -> None:
    voc.add("a", [CAT], (100, 50), declared)
    done = by_voc(voc, on_bad=on_bad)
    assert (done.report.images, done.report.count("size-differs")) == (1, 0)


@pytest.mark.parametrize("declared", [(99, 50), (101, 51), (100, 49)])
@pytest.mark.parametrize("on_bad", ["skip", "keep", "raise"])
def test_a_pixel_more_or_less_is_only_said(voc: Voc, on_bad: Any, declared: Any) -> None:
    voc.add("a", [CAT], (100, 50), declared)
    done = by_voc(voc, on_bad=on_bad)
    assert (done.report.images, done.report.count("size-rounded"), done.report.count("size-differs")) == (1, 1, 0)
    np.testing.assert_array_equal(boxes(done), np.array([[0.1, 0.1, 0.5, 0.5]], np.float32))


@pytest.mark.parametrize(
    ("orientation", "declared", "exif", "differs"),
    [
        (6, (50, 100), "auto", False),
        (6, (100, 50), "auto", False),
        (6, (500, 1000), "auto", True),
        (6, (50, 100), "raw", False),
        (6, (100, 50), "upright", False),
        (6, (500, 1000), "upright", True),
        (1, (50, 100), "auto", True),
        (3, (50, 100), "auto", True),
    ],
)
def test_images_that_ask_to_be_turned(voc: Voc, orientation: int, declared: Any, exif: Any, differs: bool) -> None:
    voc.add("a", [("cat", 11, 11, 31, 31)], (100, 50), declared, orientation=orientation)
    assert by_voc(voc, exif=exif, on_bad="keep").report.count("size-differs") == differs


@pytest.mark.parametrize(("declared", "differs"), [((1000, 500), 0), ((333, 166), 0), ((50, 100), 1), ((100, 60), 1)])
def test_fractions_need_the_same_shape_only(voc: Voc, declared: Any, differs: int) -> None:
    voc.add("a", [("cat", 0.1, 0.1, 0.5, 0.5)], (100, 50), declared)
    report = by_voc(voc, coordinates="fraction", on_bad="keep").report
    assert (report.count("size-differs"), report.count("size-rounded")) == (differs, 0)


def test_nothing_left(voc: Voc) -> None:
    voc.add("a", [CAT], (100, 50), (1000, 500))
    with pytest.raises(AnnotationError, match=r"nothing to write(.|\n)*another size than the file(.|\n)*1000x500"):
        by_voc(voc)


sides = st.integers(1, 5000)


@given(sides, sides, st.floats(0.2, 5))
def test_scaled_pictures_have_the_same_shape(width: int, height: int, scale: float) -> None:
    scaled = (max(1, round(width * scale)), max(1, round(height * scale)))
    sample = Sample(Path("a.jpg"), "a.xml", (width, height), np.zeros((0, 4)), (), None)
    assert size_note(sample, [(width, height)], "pixel") is None
    assert size_note(sample, [scaled], "fraction") is None
