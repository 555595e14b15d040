"""The walk over a JPEG's segments, whatever is between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.records.format.jpeg_markers import COM, EOI, SOI, SOS, segments, stray_bytes

FILE = b"\xff\xd8\xff\xfe\0\4hi" + b"\xff\xda\0\3\0" + b"ab\xff\0cd\xff\xd3ef" + b"\xff\xd9"


def test_segments_have_marker_begin_end_and_body() -> None:
    found = list(segments(FILE, 0))
    assert [segment.marker for segment in found] == [SOI, COM, SOS, EOI]
    assert [segment.body for segment in found] == [b"", b"hi", b"\0", b""]
    assert [(segment.previous, segment.begin, segment.end) for segment in found] == [
        (0, 0, 2), (2, 2, 8), (8, 8, 13), (13, 23, 25),
    ]  # fmt: skip


@pytest.mark.parametrize("length", [b"\0\0", b"\0\1"])
def test_a_length_that_leaves_out_itself_is_taken_for_two(length: bytes) -> None:
    (comment, end) = segments(b"\xff\xfe" + length + b"\xff\xd9", 0)
    assert (comment.end, comment.body, end.marker) == (4, b"", EOI)


def test_a_segment_may_end_behind_the_file() -> None:
    (comment,) = segments(b"\xff\xfe\0\x20hi", 0)
    assert (comment.end, comment.body) == (34, b"hi")


@pytest.mark.parametrize(
    ("between", "stray"),
    [
        (b"", []),
        (b"\xff\xff", []),
        (b"ab", [(2, 4)]),
        (b"ab\xff\xff", [(2, 4)]),
        (b"\xff\0\xff\xd7a", [(2, 7)]),
        (b"a\xff\xff\1b", [(2, 3), (4, 7)]),
    ],
)
def test_stray_bytes_are_what_is_neither_a_segment_nor_fill(between: bytes, stray: list[tuple[int, int]]) -> None:
    data = b"\xff\xd8" + between + b"\xff\xd9"
    assert stray_bytes(data, list(segments(data, 0))[1]) == stray


@given(data=st.lists(st.sampled_from([b"\xff", b"\0", b"\xd8", b"\xda", b"\xfe", b"\2", b"a"])).map(b"".join))
def test_the_walk_goes_forward_and_ends(data: bytes) -> None:
    at = 0
    for segment in segments(data, 0):
        assert segment.previous == at <= segment.begin < segment.end
        assert data[segment.begin] == 0xFF and data[segment.begin + 1] == segment.marker
        assert segment.body == data[segment.begin + 4 : segment.end]
        at = segment.end
