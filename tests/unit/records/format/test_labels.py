from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dali_ssd.errors import RecordError, RecordLocation
from dali_ssd.records.format.labels import build_label, parse_label, split_label

PLACE = RecordLocation(Path("a.rec"), 3, 400)


def label(*words: float) -> npt.NDArray[np.float32]:
    return np.array(words, np.float32)


@given(st.integers(0, 5), st.integers(0, 4), st.integers(0, 3), st.booleans(), st.data())
def test_round_trip(count: int, header: int, extra: int, with_difficult: bool, data: st.DataObject) -> None:
    numbers = st.floats(0, 1, width=32)
    boxes = data.draw(hnp.arrays(np.float32, (count, 4), elements=numbers))
    ids = data.draw(hnp.arrays(np.int32, count, elements=st.integers(0, 2**24)))
    difficult = data.draw(hnp.arrays(bool, count)) if with_difficult or extra else None
    more = data.draw(hnp.arrays(np.float32, (count, extra), elements=numbers)) if extra and count else None
    head = data.draw(hnp.arrays(np.float32, header, elements=numbers))
    objects = parse_label(build_label(boxes, ids, difficult, more, head))
    assert len(objects) == count
    np.testing.assert_array_equal(objects.boxes, boxes)
    np.testing.assert_array_equal(objects.class_ids, ids)
    np.testing.assert_array_equal(objects.difficult, np.zeros(count, bool) if difficult is None else difficult)
    np.testing.assert_array_equal(objects.header, head)
    assert objects.extra.shape == (count, extra if more is not None else 0)
    if more is not None:
        np.testing.assert_array_equal(objects.extra, more)
    assert [a.dtype for a in (objects.boxes, objects.class_ids, objects.difficult)] == [np.float32, np.int32, bool]


@pytest.mark.parametrize(
    "words", [[2, 5], [4, 5, 9, 9], [2, 5, -1, 0, 0, 0, 0], [2, 6, -1, np.nan, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0]]
)
def test_no_objects(words: list[float]) -> None:
    assert len(parse_label(label(*words))) == 0


def test_rows_without_object_are_left_out_between_others() -> None:
    rows: list[list[float]] = [[1, 0.1, 0.2, 0.3, 0.4, 1, 8], [-1, 0, 0, 0, 0, 0, 0], [2, 0.5, 0.6, 0.7, 0.8, 0, 9]]
    objects = parse_label(label(3, 7, 42, *np.ravel(rows)))
    assert objects.class_ids.tolist() == [1, 2]
    assert objects.difficult.tolist() == [True, False]
    assert objects.extra.tolist() == [[8], [9]]
    assert objects.header.tolist() == [42]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "empty"),
        ([1, 5], "header length"),
        ([2.5, 5], "header length"),
        ([np.nan, 5], "header length"),
        ([np.inf, 5], "header length"),
        ([1e9, 5], "header length"),
        ([2, 4], "object width"),
        ([2, -5], "object width"),
        ([2, 1e30], "object width"),
        ([5, 5, 1], "cannot hold"),
        ([2, 5, 1, 0, 0, 1], "cannot hold"),
    ],
)
def test_lengths_that_cannot_be_true(words: list[float], message: str) -> None:
    with pytest.raises(RecordError, match=message) as caught:
        parse_label(label(*words), PLACE)
    assert caught.value.place == PLACE


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0, 0, np.nan, 1, 1], "NaN"),
        ([0, 0, 0, np.inf, 1], "infinite"),
        ([np.nan, 0, 0, 1, 1], "NaN"),
        ([0.5, 0, 0, 1, 1], "class id"),
        ([1e9, 0, 0, 1, 1], "class id"),
    ],
)
def test_objects_that_cannot_be_used(row: list[float], message: str) -> None:
    with pytest.raises(RecordError, match=message) as caught:
        parse_label(label(2, 5, -1, 0, 0, 0, 0, 1, 0, 0, 1, 1, *row), PLACE)
    assert caught.value.place == RecordLocation(Path("a.rec"), 3, 400, 2)


words32 = st.one_of(st.integers(-1, 12).map(float), st.floats(width=32))


@given(st.lists(words32, max_size=40))
def test_arbitrary_words_end_in_objects_or_our_error(words: list[float]) -> None:
    try:
        objects = parse_label(label(*words))
    except RecordError:
        return
    assert np.isfinite(objects.boxes).all() and objects.boxes.shape == (len(objects), 4)
    assert (objects.class_ids >= 0).all()


def test_split_keeps_rows_as_they_are() -> None:
    header, rows = split_label(label(3, 5, 7, -1, 0, np.nan, 0, 0))
    assert header.tolist() == [7] and rows.shape == (1, 5)


def test_no_objects_are_written_as_one_row() -> None:
    assert build_label(np.zeros((0, 4)), []).tolist() == [2, 5, -1, 0, 0, 0, 0]
    assert build_label(np.zeros((0, 4)), [], []).tolist() == [2, 6, -1, 0, 0, 0, 0, 0]
