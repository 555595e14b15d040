"""Advice on images just below and just above each limit, and the numbers in it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from dali_ssd.config import PipelineConfig
from dali_ssd.inspection.advising.grounds import Grounds
from dali_ssd.inspection.advising.on_images import advise_on_images
from dali_ssd.inspection.report import Advice, DecodeCost, Timed
from tests.support.made_up import GROUNDS, changed, made_up_contents, said

WINDOW = PipelineConfig.initial_fill


def advice(grounds: Grounds, topic: str) -> Advice | None:
    found = {one.topic: one for one in advise_on_images(grounds)}
    assert set(found) <= {topic}
    return found.get(topic)


def test_repeated_images_are_counted() -> None:
    contents = made_up_contents([[]] * 60)
    contents.checksums[[7, 9, 30]] = contents.checksums[5]
    contents.image_bytes[[7, 9]] = contents.image_bytes[5]
    found = advice(replace(GROUNDS, contents=contents), "Repeated images")
    assert found is not None and said(found.seen, "2 of 60 records")


def large(width: int, cost: DecodeCost) -> Advice | None:
    """Advice on 60 images twice as wide as high: at 300 pixels for the network, 600 of their height would do."""
    contents = made_up_contents([[]] * 60, sizes=[(width, width // 2)] * 60)
    return advice(replace(changed(cost=cost), contents=contents), "Large images")


@pytest.mark.parametrize(("base", "saved"), [(0.73, None), (0.71, "20.1%")])
def test_smaller_images_save_a_fifth_or_more(base: float, saved: str | None) -> None:
    """1500 x 750 have 1.125 megapixels, and 1200 x 600 have 0.72."""
    found = large(1500, DecodeCost((), base, 0.8, base + 0.9))
    assert (found is None) == (saved is None)
    if found is not None and saved is not None:
        assert said(found.seen, "690", "300 px", "1.61 ms")
        assert said(found.costs, "About", saved, "about 1.29 ms", "0.80 ms per megapixel") and "600 px" in found.do


def test_small_images_are_not_to_be_enlarged() -> None:
    assert large(1200, DecodeCost((), 0.1, 0.8, 9.0)) is not None
    assert large(1200, DecodeCost((), 0.1, 0.8, 0.676)) is None and large(600, DecodeCost((), 0.1, 0.8, 0.244)) is None


def test_small_images_among_large_ones_stay_as_they_are() -> None:
    """Of 8 and 0.18 megapixels, 0.72 and 0.18 are left: 0.45 in the mean."""
    contents = made_up_contents([[]] * 2, sizes=[(4000, 2000), (600, 300)])
    cost = DecodeCost((), 0.5, 1.0, 4.59)
    found = advice(replace(changed(cost=cost), contents=contents), "Large images")
    assert found is not None and said(found.costs, "79.3%", "about 0.95 ms")


def test_without_a_line_all_of_it_is_taken_to_grow_with_the_pixels() -> None:
    found = large(1500, DecodeCost((), math.nan, math.nan, 2.0))
    assert found is not None and said(found.costs, "At most", "36.0%", "1.28 ms")


def progressive(share: float, *times: tuple[float, float]) -> Advice | None:
    images = tuple(Timed(1, slow, True, fast) for slow, fast in times)
    cost = DecodeCost((*images, Timed(1, 90.0, False)), 0, 20, 0.001)
    return advice(changed(progressive=share, cost=cost), "Progressive JPEGs")


def test_a_tenth_of_progressive_jpegs() -> None:
    assert progressive(0.099, (20, 8)) is None
    found = progressive(0.1, (20, 8), (22, 11))
    assert found is not None and "10.0%" in found.seen and said(found.costs, "21.00 ms", "9.50 ms")


def test_baseline_jpegs_save_a_tenth_of_the_time() -> None:
    assert progressive(0.5, (20, 18.1)) is None and progressive(0.5, (20, 17.9)) is not None
    assert progressive(0.5) is None


def in_order(*ids: int, records: int | None = None, gpus: int = 1) -> Advice | None:
    contents = made_up_contents([[(60, 48, 180, 168, one)] if one >= 0 else [] for one in ids])
    grounds = replace(GROUNDS, contents=contents, config=replace(GROUNDS.config, gpus=gpus))
    return advice(changed(grounds, records=len(ids) if records is None else records), "Records in order")


def test_records_that_the_shuffle_holds_may_be_in_order() -> None:
    ids = [0] * 30 + [1] * 30
    assert in_order(*ids, records=WINDOW) is None and in_order(*ids, records=WINDOW + 1) is not None
    assert in_order(*ids, records=2 * WINDOW + 1, gpus=2) is None
    assert in_order(*ids, records=2 * WINDOW + 2, gpus=2) is not None


def test_order_is_thirty_percent_more_of_equal_neighbors_than_by_chance() -> None:
    """Of two classes as frequent as each other, half of the neighbors are equal by chance."""
    found = in_order(*[0] * 3, *[1] * 3, records=WINDOW + 1)
    assert found is not None and said(found.seen, "80.0%", "50.0%") and found.urgent
    assert f"{WINDOW:,}" in found.costs
    assert in_order(0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, records=WINDOW + 1) is None


def test_records_without_objects_are_in_no_order() -> None:
    assert in_order(*[-1] * 50, 0, 1, records=WINDOW + 1) is None
    assert in_order(*[-1] * 50, 0, records=WINDOW + 1) is None
    found = in_order(0, -1, 0, -1, 0, 1, -1, 1, -1, 1, records=WINDOW + 1)
    assert found is not None and said(found.seen, "80.0%", "50.0%")


def test_the_class_of_a_record_is_its_most_frequent() -> None:
    box = (60, 48, 180, 168)
    first, second = [(*box, 1), (*box, 0), (*box, 0)], [(*box, 0), (*box, 1), (*box, 1)]
    grounds = replace(changed(records=WINDOW + 1), contents=made_up_contents([first] * 3 + [second] * 3))
    found = advice(grounds, "Records in order")
    assert found is not None and said(found.seen, "80.0%", "50.0%")
