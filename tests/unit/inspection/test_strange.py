from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from dali_ssd.inspection.contents import Contents
from dali_ssd.inspection.report import Exhibit
from dali_ssd.inspection.strange import duplicates, find_exhibits
from dali_ssd.records.dataset import open_dataset
from tests.support.inspection import JPEGS, contents_of
from tests.support.made_up import made_up_contents
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


LONG, TINY, FILLING, _, PANORAMA, PIXELS, FORMAT = range(7)
"""Places of what is strange among the oddities."""


def shown(write: Write, contents: Contents) -> tuple[list[list[int]], Sequence[Exhibit]]:
    """The keys of what has each oddity, and the exhibits, of made-up contents."""
    dataset = open_dataset(write([record() for _ in range(len(contents))]))
    oddities, exhibits, _ = find_exhibits(dataset, contents, 300)
    for one in oddities:
        assert one.count == len(one.places)
    return [[place.key for place in one.places] for one in oddities], exhibits


def square(side: float) -> tuple[float, ...]:
    return (10, 20, 10 + side, 20 + side, 0)


def test_the_most_crowded_come_first_and_then_the_smallest_objects(write: Write) -> None:
    """Images are 600 x 150 pixels: in them, boxes are twice as wide as in the network, and half as high."""
    crowds, sides = (4, 9, 3, 5, 11, 6), (30, 7, 12, 40, 5, 9, 50)
    records = [[square(60 + 12 * number) for number in range(count)] for count in crowds]
    records += [[square(side)] for side in sides]
    _, exhibits = shown(write, made_up_contents([*records, []], sizes=[(600, 150)] * 14))
    crowded, smallest = ([one for one in exhibits if one.group == group] for group in ("crowded", "smallest"))
    assert [(one.number, one.why) for one in crowded] == [
        (number, f"{crowds[number]} objects") for number in (4, 1, 5, 3, 0, 2)
    ]
    assert [one.number for one in smallest] == [10, 7, 11, 8, 6, 9]
    assert smallest[0].why == "smallest box 10 x 2 px, 5.0 px in the network"
    assert smallest[1].why == "smallest box 14 x 4 px, 7.0 px in the network"
    assert [one.key for one in exhibits] == [one.number for one in exhibits]


def of_boxes(write: Write, boxes: Sequence[tuple[float, float]], sizes: Sequence[tuple[int, int]]) -> list[list[int]]:
    """What is strange about boxes of a width and a height in the network, in images of a size."""
    return shown(write, made_up_contents([[(0, 0, *box, 0)] for box in boxes], sizes))[0]


def test_a_box_is_long_by_the_pixels_of_its_image(write: Write) -> None:
    """An image of 600 x 150 makes boxes four times as wide for their height, and one of 150 x 600 as high."""
    wide, high = (600, 150), (150, 600)
    found = of_boxes(write, [(20, 20), (42, 20), (39, 20), (10, 44), (80, 10)], [wide, wide, wide, high, high])
    assert found[LONG] == [3, 1] and not found[TINY]


def test_a_box_is_tiny_or_filling_by_the_pixels_of_the_network(write: Write) -> None:
    found = of_boxes(write, [(2, 2), (2.1, 2), (1, 3), (300, 295), (300, 293), (300, 300)], [(900, 400)] * 6)
    assert (found[TINY], found[FILLING]) == ([2, 0], [5, 3])


def test_images_are_strange_by_shape_by_pixels_and_by_format(write: Write) -> None:
    """Of 42 images, whose median is 400 x 300, two are less than a twentieth and three more."""
    sizes = [(400, 300)] * 36 + [(899, 300), (900, 300), (1200, 801), (1200, 799), (150, 101), (150, 99)]
    kinds = ["PNG RGB"] * 2 + ["JPEG gray"] * 3 + ["JPEG RGB"] * 37
    found, exhibits = shown(write, made_up_contents([[]] * 42, sizes, kinds))
    assert (found[PANORAMA], found[PIXELS], found[FORMAT]) == ([37], [41, 38], [0, 1])
    assert [one.why for one in exhibits] == [
        "image of 900 x 300 px", "image of 150 x 99 px", "image of 1200 x 801 px", "PNG RGB", "PNG RGB"
    ]  # fmt: skip
