from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dali_ssd.errors import RecordLocation
from dali_ssd.records.format.image_header import Raster
from dali_ssd.records.format.labels import build_label, parse_label
from dali_ssd.records.lint.content import check_record
from dali_ssd.records.repair.labels import mend_label
from tests.support.records import BOX, encoded, record

RASTER = Raster(40, 30, 1, "JPEG")


def test_a_good_label_is_returned_as_it_is() -> None:
    label = build_label([BOX, (-1e-6, 0, 1, 1)], [0, 1], [True, False], [[7], [8]], [9, 9])
    assert mend_label(label, RASTER, "fraction", 2) == (label, [])
    for words in ([2, 5], [2, 5, -1, 0, 0, 0, 0]):
        single = np.array(words, np.float32)
        assert mend_label(single, RASTER, "fraction", None)[0] is single


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((-0.5, 0.2, 0.5, 1.5), (0, 0.2, 0.5, 1)),
        ((0.5, 0.2, 0.1, 0.6), None),
        ((0.1, 0.2, 0.1, 0.6), None),
        ((1.2, 0.2, 1.5, 0.6), None),
        ((0.1, np.nan, 0.5, 0.6), None),
    ],
)
def test_boxes(box: tuple[float, ...], expected: tuple[float, ...] | None) -> None:
    mended, changes = mend_label(build_label([BOX, box], [3, 4], [0, 1]), RASTER, "fraction", None)
    objects = parse_label(mended)
    np.testing.assert_array_equal(objects.boxes, np.array([BOX] if expected is None else [BOX, expected], np.float32))
    assert objects.difficult.tolist() == ([False] if expected is None else [False, True])
    assert len(changes) == 1 and "object 1" in changes[0]


def test_kinds_of_coordinates_are_converted() -> None:
    pixels = build_label([(4, 3, 20, 15)], [0])
    fractions = build_label([(0.1, 0.1, 0.5, 0.5)], [0])
    np.testing.assert_allclose(mend_label(pixels, RASTER, "fraction", None)[0], fractions, rtol=1e-6)
    np.testing.assert_allclose(mend_label(fractions, RASTER, "pixel", None)[0], pixels, rtol=1e-6)
    assert mend_label(pixels, RASTER, "pixel", None)[1] == []


def test_classes_and_nothing_left() -> None:
    mended, changes = mend_label(build_label([BOX] * 3, [0, 5, 0.5]), RASTER, "fraction", 5)
    assert parse_label(mended).class_ids.tolist() == [0] and len(changes) == 2
    mended, _ = mend_label(build_label([BOX], [5], [1]), RASTER, "fraction", 5)
    assert mended.tolist() == [2, 6, -1, 0, 0, 0, 0, 0]


numbers = st.one_of(st.floats(width=32), st.floats(-1, 60, width=32), st.integers(-1, 3).map(float))


@example(np.array([[-np.inf, 0, 0, 0, 0]], np.float32))
@given(hnp.arrays(np.float32, st.tuples(st.integers(0, 5), st.integers(5, 8)), elements=numbers))
def test_what_was_mended_has_nothing_left_to_find(rows: npt.NDArray[np.float32]) -> None:
    label = np.concatenate([np.array([3, rows.shape[1], 0], np.float32), rows.reshape(-1)])
    mended, _ = mend_label(label, RASTER, "fraction", 3)
    content = check_record(record(label=mended.tolist(), image=encoded()), RecordLocation())
    assert {found.kind for found in content.findings} <= {"no-objects"}
    assert content.unit in ("none", "fraction") and content.top_class < 3
    again, changes = mend_label(mended, RASTER, "fraction", 3)
    assert again is mended and changes == []


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        ((4, 3, 20, 15), [(0.1, 0.1, 0.5, 0.5)]),  # pixels: the fractions beside it may be pixels as well
        ((-3, 0.1, 0.5, 0.5), [BOX, (0.3, 0.3, 0.9, 0.9)]),
        ((0.1, 0.1, 0.5, 50), [BOX, (0.3, 0.3, 0.9, 0.9)]),
    ],
)
def test_of_a_mixture_only_what_is_certain_is_kept(odd: tuple[float, ...], kept: list[tuple[float, ...]]) -> None:
    mended, changes = mend_label(build_label([BOX, odd, (0.3, 0.3, 0.9, 0.9)], [0, 1, 2]), RASTER, "fraction", None)
    np.testing.assert_allclose(parse_label(mended).boxes, np.array(kept, np.float32), rtol=1e-6)
    assert sum("removed" in change for change in changes) == 3 - len(kept)
