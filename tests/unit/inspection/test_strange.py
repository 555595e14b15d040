from __future__ import annotations

import numpy as np
import pytest

from dali_ssd.inspection.strange import duplicates, find_exhibits
from dali_ssd.records.dataset import open_dataset
from tests.support.inspection import JPEGS, contents_of
from tests.support.records import BOX, Write, encoded, record, write

__all__ = ["write"]


def test_each_kind_is_found_and_shown_once(write: Write) -> None:
    usual = [encoded(size=(300 + number, 200)) for number in range(40)]
    odd = [
        record([(0.1, 0.1, 0.9, 0.11)], image=JPEGS[0]),
        record([(0.1, 0.1, 0.103, 0.104)], image=JPEGS[1]),
        record([(0, 0, 1, 1)], image=JPEGS[2]),
        record([BOX, BOX, BOX], [0, 0, 1], image=JPEGS[3]),
        record(image=encoded(size=(900, 250))),
        record(image=encoded(size=(1300, 1300))),
        record(image=encoded("PNG", "L", size=(301, 200))),
    ]
    shard = write([*odd, *(record([BOX, (0.5, 0.1, 0.8, 0.9)], image=image) for image in usual)])
    oddities, exhibits, pairs = find_exhibits(open_dataset(shard), contents_of(shard), 300)
    counts = {one.what.partition(" of ")[0]: one.count for one in oddities}
    assert pairs == 3 == next(one.count for one in oddities if one.what.startswith("pairs"))
    assert [one.count for one in oddities] == [1, 1, 1, 3, 1, 5, 1], counts
    assert [one.places[0].key for one in oddities] == [0, 1, 2, 3, 4, 5, 6]
    assert {place.shard for one in oddities for place in one.places} == {str(shard)}
    assert len({one.number for one in exhibits}) == len(exhibits)
    assert {one.number for one in exhibits} >= set(range(7))
    marked = {one.number: [(mark.class_id, *mark.box) for mark in one.marked] for one in exhibits}
    assert len(marked[0]) == 1 and marked[0][0] == pytest.approx((0, 0.1, 0.1, 0.9, 0.11), abs=1e-6)
    assert [one.group for one in exhibits] == sorted(
        (one.group for one in exhibits), key=["crowded", "smallest", "strange"].index
    )


def test_the_objects_that_a_record_is_shown_for_are_marked(write: Write) -> None:
    crowd = [(0.01 * n, 0.5, 0.01 * n + 0.3, 0.9) for n in range(1, 60, 5)]
    full = [record(crowd, [0] * len(crowd), image=encoded(size=(200 + n, 100))) for n in range(12)]
    twice = [(0.5, 0.1, 0.95, 0.7), (0, 0, 0.4, 0.6), (0.5, 0.1, 0.95, 0.701)]
    shard = write([*full, record(twice, [2, 1, 0], image=encoded(size=(300, 100)))])
    _, exhibits, _ = find_exhibits(open_dataset(shard), contents_of(shard), 300)
    (pair,) = [one for one in exhibits if "overlapping" in one.why]
    assert [one.class_id for one in pair.marked] == [2, 0]
    for mark, box in zip(pair.marked, (twice[0], twice[2]), strict=True):
        assert mark.box == pytest.approx(box, abs=1e-5)
    assert not any(one.marked for one in exhibits if one.group == "crowded")


def test_a_repeated_image_is_shown_once(write: Write) -> None:
    shard = write([record(image=JPEGS[number % 2]) for number in range(12)])
    _, exhibits, _ = find_exhibits(open_dataset(shard), contents_of(shard), 300)
    assert sorted(one.number for one in exhibits) == [0, 1]


def test_pairs_of_a_crowded_record_are_all_counted(write: Write) -> None:
    boxes = np.repeat([[0.1, 0.1, 0.4, 0.4], [0.6, 0.6, 0.9, 0.9]], 400, axis=0)
    assert duplicates(contents_of(write([record(boxes.tolist(), [0] * 800), record()]))) == {0: 2 * 400 * 399 // 2}


def test_nothing_is_strange_in_nothing(write: Write) -> None:
    shard = write([record([])])
    oddities, exhibits, pairs = find_exhibits(open_dataset(shard), contents_of(shard), 300)
    assert not exhibits and not pairs and not any(one.count for one in oddities)
