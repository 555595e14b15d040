from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.errors import RecordError, RecordLocation
from dali_ssd.records.format.image_header import Raster
from dali_ssd.records.format.labels import parse_label
from dali_ssd.records.lint import image_checks
from dali_ssd.records.lint.content import check_record
from dali_ssd.records.lint.findings import KINDS, finding, from_json, summary, to_json
from dali_ssd.records.repair.labels import mend_label
from tests.support.records import BOX, encoded, record

PLACE = RecordLocation(Path("a.rec"), 7, 64)


def kinds(data: bytes) -> list[tuple[str, int | None]]:
    return [(found.kind, found.place.object) for found in check_record(data, PLACE).findings]


def test_good_record() -> None:
    content = check_record(record([BOX, (0, 0, 1, 1)], [3, 19]), PLACE)
    assert (content.findings, content.unit, content.top_class) == ([], "fraction", 19)
    assert (content.image, content.pixels) == ("", 1200)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([BOX, (0.5, 0.2, 0.1, 0.6)], [("inverted-box", 1)]),
        ([(0.1, 0.6, 0.5, 0.2)], [("inverted-box", 0)]),
        ([(0.1, 0.2, 0.1, 0.6), BOX, (0.1, 0.6, 0.5, 0.6)], [("zero-area-box", 0), ("zero-area-box", 2)]),
        ([(1.1, 0.2, 1.5, 0.6)], [("outside-box", 0)]),
        ([(-0.5, 0.2, -0.1, 0.6)], [("outside-box", 0)]),
        ([(-0.1, 0.2, 0.5, 0.6), (0.1, 0.2, 0.5, 1.2)], [("overhanging-box", 0), ("overhanging-box", 1)]),
        ([(-1e-6, 0, 1 + 1e-6, 1)], []),
        ([(0.1, np.nan, 0.5, 0.6), (0.1, 0.2, np.inf, 0.6)], [("not-finite", 0), ("not-finite", 1)]),
        ([(0.1, 0.1, 0.5, 0.6), (-3e38, 0.2, 0.5, 0.6)], [("not-finite", 1)]),
    ],
)
def test_boxes(boxes: Any, expected: Any) -> None:
    assert kinds(record(boxes)) == expected


def test_pixel_boxes_are_judged_by_the_image() -> None:
    boxes = [(1, 2, 40, 30), (1, 2, 45, 20), (50, 2, 60, 20), (9, 2, 3, 20), (1, 2, 1, 20)]
    assert kinds(record(boxes)) == [
        ("inverted-box", 3), ("zero-area-box", 4), ("outside-box", 2), ("overhanging-box", 1)
    ]  # fmt: skip
    assert check_record(record(boxes), PLACE).unit == "pixel"
    assert kinds(record(boxes, image=b"text")) == [("not-an-image", None), ("inverted-box", 3), ("zero-area-box", 4)]


@pytest.mark.parametrize(
    ("box", "scale"),
    [
        ((0.2, 0.2, 1.02, 0.7), "mixed"),
        ((-0.1, 0.2, 0.5, 1.7), "mixed"),
        ((0, 0, 1, 1), "mixed"),
        ((-0.01, 0, 1, 1.01), "mixed"),
        ((1, 0, 2, 1), "pixel"),
        ((1, 1, 2, 2), "pixel"),
        ((0, 0, 2, 2), "pixel"),
        ((0, 0, 1, 2), "pixel"),
        ((7, 7, 7.5, 7.5), "pixel"),
        ((0.5, 0.5, 0.5, 0.9), "pixel"),
    ],
)
def test_a_box_of_hardly_a_pixel_beside_pixels(box: tuple[float, ...], scale: str) -> None:
    assert check_record(record([box, (1, 2, 40, 30)]), PLACE).unit == scale


@pytest.mark.parametrize("mark", [np.nan, np.inf])
def test_a_mark_for_difficult_is_a_number(mark: float) -> None:
    label = [2, 7, 0, *BOX, 0, np.nan, 1, *BOX, mark, 0]
    content = check_record(record(label=label), PLACE)
    assert [(found.kind, found.place.object) for found in content.findings] == [("not-finite", 1)]
    assert f"difficult {mark:g}" in content.findings[0].message
    assert (content.objects, content.difficult) == (1, 0)
    with pytest.raises(RecordError, match="has a NaN, infinite"):
        parse_label(np.array(label, np.float32))
    mended, changes = mend_label(np.array(label, np.float32), Raster(40, 30, 1, "JPEG"), "fraction", None)
    assert mended.tolist()[:7] == np.array(label[:7], np.float32).tolist() and len(mended) == 9 and len(changes) == 1


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_tiff_that_asks_to_be_turned(orientation: int) -> None:
    assert kinds(record(image=encoded("TIFF", orientation=orientation))) == [("turned-tiff", None)]
    assert kinds(record(image=encoded("TIFF"))) == []


@pytest.mark.parametrize(("class_id", "bad"), [(0.5, True), (2.0**25, True), (2.0**24, False), (0, False)])
def test_class_ids(class_id: float, bad: bool) -> None:
    content = check_record(record([BOX, BOX], [1, class_id]), PLACE)
    assert [found.kind for found in content.findings] == (["bad-class"] if bad else [])
    assert content.top_class == (1 if bad else max(1, class_id))


@pytest.mark.parametrize("label", [[2, 5], [2, 5, -1, 0, 0, 0, 0], [4, 6, 1, 1]])
def test_no_objects(label: list[float]) -> None:
    content = check_record(record(label=label), PLACE)
    assert [found.kind for found in content.findings] == ["no-objects"]
    assert (content.unit, content.top_class) == ("none", -1)


@pytest.mark.parametrize(
    ("boxes", "learnable"),
    [
        ([BOX], True),
        ([[0.5, 0.2, 0.5, 0.8]], False),
        ([[0.2, 0.5, 0.8, 0.5]], False),
        ([[0.5, 0.2, 0.5, 0.8], BOX], True),
        ([[0.8, 0.2, 0.5, 0.4]], False),
        ([], False),
    ],
)
def test_what_has_no_area_cannot_be_learned(boxes: list[list[float]], learnable: bool) -> None:
    assert (check_record(record(boxes), PLACE).objects > 0) is learnable


@pytest.mark.parametrize("number", [0, 3, 4.5, -1, np.nan])
def test_a_label_of_one_number_is_no_image_without_objects(number: float) -> None:
    """As im2rec writes it without --pack-label, or for classification: version 0.1 trained on it as background."""
    assert kinds(record(label=[number])) == [("scalar-label", None)]


@pytest.mark.parametrize("class_id", [-3, -0.5, -2, -(2.0**25)])
def test_minus_one_is_the_only_id_of_no_object(class_id: float) -> None:
    assert kinds(record([BOX, BOX], [0, class_id])) == [("bad-class", 1)]


def test_minus_infinity_is_no_class() -> None:
    assert kinds(record([BOX, BOX], [0, -np.inf])) == [("not-finite", 1)]


@pytest.mark.parametrize("label", [[1, 5], [2, 4], [2, 5, 1], [np.nan, 5], [2, 1e9], [900, 5]])
def test_labels_that_cannot_be(label: list[float]) -> None:
    assert kinds(record(label=label)) == [("bad-label", None)]


@pytest.mark.parametrize("data", [b"", bytes(23), struct.pack("<IfQQ", 9, 0, 0, 0)])
def test_short_records(data: bytes) -> None:
    assert kinds(data) == [("bad-header", None)]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (b"", ["not-an-image"]),
        (b"not an image at all", ["not-an-image"]),
        (encoded()[:20], ["truncated-image"]),
        (encoded()[:-2], ["truncated-image"]),
        (encoded()[: len(encoded()) // 2], ["truncated-image"]),
        (encoded("PNG")[:-12], ["truncated-image"]),
        (encoded("GIF"), ["unknown-format"]),
        (encoded(orientation=6), ["exif-rotation"]),
        (encoded("PNG"), []),
    ],
)
def test_images(image: bytes, expected: list[str]) -> None:
    assert [kind for kind, _ in kinds(record(image=image))] == expected


@pytest.mark.parametrize(
    ("image", "words"), [(b"a", "1 byte, beginning with b'a'"), (b"ab", "2 bytes, beginning with")]
)
def test_words_agree_with_the_number_of_bytes(image: bytes, words: str) -> None:
    (found,) = check_record(record(image=image), RecordLocation()).findings
    assert words in found.message


def test_huge_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_checks, "MAX_PIXELS", 1199)
    assert kinds(record()) == [("huge-image", None)]


def test_unusual_images_are_told() -> None:
    assert check_record(record(image=encoded("JPEG", "CMYK")), PLACE).image == "JPEG CMYK"
    assert check_record(record(image=encoded("PNG", "RGBA")), PLACE).image == "PNG RGBA"


words = st.one_of(st.integers(-1, 9).map(float), st.floats(width=32), st.floats(0, 1, width=32))


@given(st.lists(words, max_size=30), st.binary(max_size=80), st.integers(0, 900), st.binary(max_size=30))
def test_arbitrary_records(label: list[float], garbage: bytes, cut: int, start: bytes) -> None:
    for data in (
        garbage,
        record(label=label, image=garbage),
        record(label=label)[:cut],
        start + record(label=label)[cut:],
    ):
        content = check_record(data, PLACE)
        assert all(found.place.shard == PLACE.shard and found.place.offset == 64 for found in content.findings)
        assert len({(f.kind, f.place.object) for f in content.findings}) == len(content.findings)


def test_findings_survive_json_and_are_explained() -> None:
    found = [finding(kind, RecordLocation(Path("a.rec"), 1, 2, 3), "it is so") for kind in KINDS]
    assert [from_json(to_json(one), Path("a.rec")) for one in found] == found
    assert all(to_json(one)["advice"] and to_json(one)["severity"] for one in found)
    lines = list(summary([one for one in found for _ in range(3)], 2))
    assert len(lines) == 4 * len(KINDS) and "    ... and 1 more (--show 0 prints all, --json FILE writes all)" in lines
    assert len(list(summary(found * 3, 0))) == 4 * len(KINDS)
    with pytest.raises(KeyError):
        finding("no-such-kind", RecordLocation(), "")
