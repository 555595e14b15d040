"""Labels of every length and content, and how many objects a reader has to find in them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

__all__ = ["count_objects", "labelled"]

_NAN, _INF = float("nan"), float("inf")
_LENGTHS = (-_INF, -1, 0, 1, 2, 2.5, 3, 4, 5, 5.5, 6, 7, 40, 256, 257, 1024, 1025, 2**31, 1e20, _INF, _NAN)
"""Header lengths and object widths, of which few are right."""
_IDS = (-2, -1, -1, -0.5, 0.5, 1.5, -_INF, _INF, _NAN, 255, 256, 300, 2**24, 2**24 + 2, 3e38)
_WORDS = (_NAN, _INF, -_INF, 3e38, -3e38, 1e9, 2**24, 1e-40, 1e-7, -0.0, -1e-4, 1.0005, 2, 2.5, -3)
_SIDE = 40
"""Pixels that boxes in pixels count up to."""

_unit = st.floats(0, 1, width=32)
_apart = st.tuples(st.integers(0, 11), st.integers(1, 4)).map(lambda pair: (pair[0] / 16, sum(pair) / 16))
"""Low and high of a box's side, fractions of the image."""
_proper = st.tuples(_apart, _apart).map(lambda sides: [sides[0][0], sides[1][0], sides[0][1], sides[1][1]])


def _one_changed(box: list[float], at: int, word: float) -> list[float]:
    return [*box[:at], word, *box[at + 1 :]]


_doubtful = st.one_of(  # what is trained on with a warning, or without
    _proper.map(lambda box: [box[0], box[1], box[0], box[3]]),  # flat
    _proper.map(lambda box: [*box[:2], box[0] + 1e-6, box[1] + 1e-6]),  # tiny, or flat once it is rounded
    _proper.map(lambda box: [value + 0.9 for value in box]),  # outside, or nearly so
    _proper.map(lambda box: [value - 0.3 for value in box]),  # reaching out
)
_wrong = st.one_of(
    _proper.map(lambda box: [value * _SIDE for value in box]),  # pixels
    _proper.map(lambda box: box[::-1]),  # inverted
    st.lists(_unit, min_size=4, max_size=4),
    st.builds(_one_changed, _proper, st.integers(0, 3), st.sampled_from(_WORDS)),
)
_words = st.lists(st.sampled_from(_WORDS), min_size=4, max_size=4)
_columns = st.lists(st.sampled_from([0.0, 0.0, 1.0]), min_size=4, max_size=4) | _words


@st.composite
def _rows(draw: st.DrawFn, wrong: bool) -> list[list[float]]:
    """Objects of 9 numbers each; `wrong`: some are such that a label with them is refused."""
    ids: st.SearchStrategy[float] = st.integers(0, 30).map(float) | st.just(300.0)
    objects = st.tuples(ids, _proper | _proper | _doubtful, _columns)
    objects |= st.tuples(st.just(-1.0), _proper | _words, _columns)  # no object, whatever else is there
    if wrong:
        objects |= st.tuples(ids | st.sampled_from(_IDS), _proper | _wrong, _columns)
    return [[class_id, *box, *columns] for class_id, box, columns in draw(st.lists(objects, max_size=6))]


def _vector(header: Sequence[float], width: int, rows: Sequence[Sequence[float]], times: int) -> list[float]:
    body = [value for _ in range(times) for row in rows for value in row[:width]]
    return [2 + len(header), width, *header, *body]


@st.composite
def _vectors(draw: st.DrawFn, factor: float, wrong: bool) -> list[float]:
    """Labels with coordinates times `factor`; `wrong`: with some that are refused for lengths or rows."""
    rows = draw(_rows(wrong))
    rows = [[row[0], *(value * factor for value in row[1:5]), *row[5:]] for row in rows]
    header = draw(st.lists(st.sampled_from([0.0, 24.0, *_WORDS]), max_size=3))
    vector = _vector(header, draw(st.sampled_from([5, 5, 6, 7, 9])), rows, draw(st.sampled_from([1] * 9 + [60])))
    how = draw(st.sampled_from(["right", "right", "lengths", "cut", "more"])) if wrong else "right"
    if how == "lengths":
        vector[draw(st.integers(0, 1))] = draw(st.sampled_from(_LENGTHS))
    elif how == "cut":
        vector = vector[: draw(st.integers(0, len(vector)))]
    elif how == "more":
        vector += draw(st.lists(st.sampled_from([-1.0, 0.0, 0.5, *_WORDS]), min_size=1, max_size=9))
    return vector


_any = st.lists(st.sampled_from([2.0, 5.0, 6.0, 0.0, -1.0, 0.25, 0.75, *_WORDS]), max_size=40)
_long = st.integers(1000, 3000).map(lambda size: [2.0, 5.0, *[0.25] * size])


def _packed(vector: Sequence[float], flag: int, number: int, image: bytes) -> bytes:
    """A record. `flag`: how many numbers its header announces; without any, MXNet takes the one in the header."""
    scalar = vector[0] if flag == 0 and vector else 0.0
    with np.errstate(over="ignore"):
        first, *words = np.array([scalar, *(vector if flag else [])], np.float32)
    return struct.pack("<IfQQ", flag, first, number, 0) + np.array(words, np.float32).tobytes() + image


@st.composite
def labelled(draw: st.DrawFn, images: Sequence[bytes]) -> list[bytes]:
    """Records of good images whose labels are of every length."""
    factor, wrong, records = draw(st.sampled_from([1.0, 1.0, float(_SIDE)])), draw(st.booleans()), []
    vectors = _vectors(factor, wrong)
    for number in range(draw(st.integers(1, 4))):
        vector = draw(st.one_of(vectors, vectors, vectors, _any, _long) if wrong else vectors)
        flag = draw(st.sampled_from([*[len(vector)] * 9, 0, 1, len(vector) + 1])) if wrong else len(vector)
        records.append(_packed(vector, flag, number, draw(st.sampled_from(images))))
    return records


def count_objects(label: npt.NDArray[np.float32], size: tuple[float, float]) -> tuple[int, int]:
    """Objects of a proper label, number by number: those with an area, and how many of these reach into the image.

    `size` is the image's width and height in the label's unit. A reader has to find the first, a training to learn from
    the second.
    """
    start, width = int(label[0]), int(label[1])
    found = inside = 0
    for at in range(start, len(label), width):
        class_id, left, top, right, bottom = label[at : at + 5].tolist()
        if class_id >= 0 and left < right and top < bottom:
            found += 1
            inside += left < size[0] and top < size[1] and right > 0 and bottom > 0
    return found, inside
