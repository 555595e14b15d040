"""Advice on labels just below and just above each limit, and the numbers in it."""

from __future__ import annotations

from dataclasses import replace

from dali_ssd.inspection.advising.grounds import Grounds
from dali_ssd.inspection.advising.on_labels import advise_on_labels
from dali_ssd.inspection.report import Advice
from tests.support.made_up import changed, class_of, said


def advice(grounds: Grounds, topic: str) -> Advice | None:
    return {one.topic: one for one in advise_on_labels(grounds)}.get(topic)


def classes(*counts: int) -> Grounds:
    return changed(classes=tuple(class_of(number, count) for number, count in enumerate(counts)))


def test_classes_without_objects_are_named() -> None:
    found = advice(classes(0, 50, 0, 60), "Classes without objects")
    assert found is not None and said(found.seen, "2 classes of 4", "name-0, name-2")
    assert advice(classes(0, 0), "Classes without objects") is None


def test_a_class_of_twenty_times_as_many_objects() -> None:
    assert advice(classes(100, 1999), "Class imbalance") is None
    found = advice(classes(100, 500, 2000), "Class imbalance")
    assert found is not None and said(found.seen, "name-2 has 2,000", "name-0 100", " 20 times fewer")
    assert "Hardly enough" not in found.seen


def test_classes_of_less_than_fifty_objects_are_named() -> None:
    found = advice(classes(50, 2000, 49), "Class imbalance")
    assert found is not None and said(found.seen, "41 times fewer", "Hardly enough", "name-2 (49)")
    assert "name-0" not in found.seen


def test_a_twentieth_of_difficult_objects() -> None:
    assert advice(changed(objects=1000, difficult=49), "Difficult objects") is None
    found = advice(changed(objects=1000, difficult=50), "Difficult objects")
    assert found is not None and said(found.seen, "50 of 1,000", "5.0%")


def pairs(count: int, objects: int) -> Advice | None:
    return advice(replace(changed(objects=objects), duplicates=count), "Overlapping boxes")


def test_a_thousandth_of_pairs_but_one_at_least() -> None:
    assert pairs(2, 2001) is None and pairs(0, 10) is None and pairs(1, 10) is not None
    found = pairs(2, 2000)
    assert found is not None and said(found.seen, "2 pairs", "0.9", "2,000 objects")


def test_three_of_ten_records_without_objects() -> None:
    assert advice(changed(records=100, empty=29), "Records without objects") is None
    found = advice(changed(records=100, empty=30), "Records without objects")
    assert found is not None and said(found.seen, "30 of 100")
    assert advice(changed(records=100, empty=100, objects=0), "Records without objects") is None
