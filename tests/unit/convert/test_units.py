"""Boxes in fractions although pixels are expected, and the reverse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dali_ssd.convert.run import Converted
from dali_ssd.errors import AnnotationError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label
from tests.support.annotations import CAT, Coco, Voc, by_coco, by_voc


def boxes(done: Converted) -> np.ndarray[Any, Any]:
    return parse_label(open_dataset(done.shards[0]).read(0)[0].label).boxes


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
    with pytest.raises(AnnotationError, match=r"object 1, in pixels, although --coordinates is fraction"):
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
