from __future__ import annotations

from pathlib import Path

import numpy as np

from dali_ssd.inspection.contents import BOX, CLASS, DIFFICULT, rows_of
from dali_ssd.records.format.labels import build_label
from tests.support.inspection import JPEGS, contents_of
from tests.support.records import BOX as SOME
from tests.support.records import Write, encoded, record, write

__all__ = ["write"]


def test_boxes_are_in_network_pixels_and_cut_to_the_image(write: Write) -> None:
    label = build_label([[0.1, 0.2, 0.5, 0.6], [-0.5, 0.5, 0.5, 1.5]], [4, 0], [0, 1])
    contents = contents_of(write([record(label=label.tolist()), record([])]))
    np.testing.assert_allclose(contents.objects[:, BOX], [[30, 60, 150, 180], [0, 150, 150, 300]], rtol=1e-5)
    assert contents.objects[:, CLASS].tolist() == [4, 0] and contents.objects[:, DIFFICULT].tolist() == [0, 1]
    assert contents.counts.tolist() == [2, 0] and contents.owner.tolist() == [0, 0]
    assert list(rows_of(contents.starts)) == [slice(0, 2), slice(2, 2)]
    np.testing.assert_allclose(contents.sides(300), [[16, 12], [20, 15]], rtol=1e-5)  # of 40 x 30 pixels


def test_labels_in_pixels_give_the_same_boxes(write: Write) -> None:
    boxes = np.array([SOME, (0.3, 0.1, 0.9, 0.8)])
    fractions = contents_of(write([record(boxes.tolist())], "a"))
    pixels = contents_of(write([record((boxes * [40, 30, 40, 30]).tolist())], "b"))
    np.testing.assert_allclose(fractions.objects, pixels.objects, rtol=1e-5)


def test_bad_records_are_left_out(write: Write) -> None:
    contents = contents_of(write([record(image=b""), record(), record(ids=[0.5]), record()]))
    assert contents.numbers.tolist() == [1, 3]


def test_facts_of_images(write: Write) -> None:
    images = [JPEGS[0], JPEGS[1], JPEGS[0], encoded("PNG", "RGBA")]
    contents = contents_of(write([record(image=image) for image in images]))
    assert contents.sizes.tolist() == [[60, 48], [61, 48], [60, 48], [40, 30]]
    assert contents.repeats.tolist() == [False, False, True, False]
    assert contents.kinds[2:] == ("JPEG RGB", "PNG RGBA") and not contents.progressive.any()
    assert contents.image_bytes.tolist() == [len(image) for image in images]
    np.testing.assert_allclose(contents.megapixels[0], 0.06 * 0.048)


def test_no_good_record_is_no_error(write: Write, tmp_path: Path) -> None:
    contents = contents_of(write([record(image=b"")]))
    assert len(contents) == 0 and contents.objects.shape == (0, 6) and contents.repeats.shape == (0,)
