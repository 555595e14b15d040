"""Names of classes that cannot be used, or may be mistakes."""

from __future__ import annotations

import pytest

from dali_ssd.errors import AnnotationError
from tests.support.annotations import Coco, by_coco


@pytest.mark.parametrize("name", ["", "  ", "traffic\nlight", "\ud83d", "a\0b"])
def test_class_names_that_are_no_line(one: Coco, name: str) -> None:
    one.content["categories"].append({"id": 7, "name": name})
    with pytest.raises(AnnotationError, match="category 7: 'name' cannot be used"):
        by_coco(one)


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
