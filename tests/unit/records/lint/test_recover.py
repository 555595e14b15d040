from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.records.format.recordio import MAGIC, Frame, frame, join
from dali_ssd.records.lint.findings import Finding
from dali_ssd.records.lint.recover import recover

SHARD = Path("a.rec")
MAGIC_BYTES = struct.pack("<I", MAGIC)
RECORDS = [b"first" * 3, b"second" + MAGIC_BYTES * 2, MAGIC_BYTES + b"third", b"", b"fifth" * 9]
WHOLE = b"".join(map(frame, RECORDS))
STARTS = [sum(len(frame(one)) for one in RECORDS[:i]) for i in range(6)]


def part(flag: int, payload: bytes = b"", length: int | None = None) -> bytes:
    return MAGIC_BYTES + struct.pack("<I", flag << 29 | (len(payload) if length is None else length)) + payload


def look(shard: bytes) -> tuple[list[bytes], list[tuple[str, int | None]]]:
    items = list(recover(shard, SHARD))
    records = [join(shard, item) for item in items if isinstance(item, Frame)]
    return records, [(item.kind, item.place.offset) for item in items if isinstance(item, Finding)]


def test_intact() -> None:
    assert look(WHOLE) == (RECORDS, [])
    assert look(b"") == ([], [])


def test_damage_costs_only_the_record_it_hits() -> None:
    for hit in range(5):
        broken = bytearray(WHOLE)
        broken[STARTS[hit]] ^= 0xFF
        records, findings = look(bytes(broken))
        assert records == RECORDS[:hit] + RECORDS[hit + 1 :]
        assert findings == [("bad-magic", STARTS[hit])]


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 8])
def test_lost_bytes_shift_the_rest(lost: int) -> None:
    records, findings = look(WHOLE[: STARTS[1] - lost] + WHOLE[STARTS[1] :])
    assert records[-3:] == RECORDS[2:]
    assert findings


def test_cut_end() -> None:
    records, findings = look(WHOLE[:-1])
    assert (records, findings) == (RECORDS[:4], [("truncated-shard", STARTS[4])])
    assert look(WHOLE + b"\0\0\0\0")[1] == [("truncated-shard", len(WHOLE))]


def test_length_that_reaches_over_the_next_record() -> None:
    grown = part(0, length=STARTS[1] - 8 + len(frame(RECORDS[1]))) + WHOLE[8:]
    records, findings = look(grown)
    assert (records, findings) == (RECORDS[1:], [("swallowed", 0)])


def test_split_record_without_end() -> None:
    records, findings = look(part(1, b"abcd") + part(2, b"efgh") + WHOLE)
    assert (records, findings) == (RECORDS, [("bad-parts", 0)])
    assert look(part(2, b"abcd") + WHOLE) == (RECORDS, [("bad-parts", 0)])
    assert look(part(7, b"abcd") + WHOLE) == (RECORDS, [("bad-parts", 0)])


def test_magic_number_at_odd_places_is_data() -> None:
    records = [b"x" + part(0) + b"yz", b"xx" + MAGIC_BYTES]
    assert look(b"".join(map(frame, records))) == (records, [])


@pytest.mark.parametrize(
    "end", [part(3), part(3) + frame(b""), b"", part(0)], ids=["whole", "and another", "open", "broken"]
)
def test_many_beginnings_into_one_chain_take_linear_time(end: bytes) -> None:
    """Every one of 15,000 heads leads into the same chain of 15,000 parts: walking each would take minutes."""
    count = 15_000
    heads = b"".join(part(1, length=8 * (count - 1 - i)) for i in range(count))
    begun = time.perf_counter()
    look(heads + part(2) * count + end)
    assert time.perf_counter() - begun < 30


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE)), st.sampled_from(["flip", "cut", "insert", "repeat"])), max_size=4),
    st.binary(max_size=9),
)
def test_any_damage_is_explained_and_ends(damages: list[tuple[int, str]], garbage: bytes) -> None:
    shard = WHOLE
    for at, how in damages:
        if how == "flip" and at < len(shard):
            shard = shard[:at] + bytes([shard[at] ^ 1 << at % 8]) + shard[at + 1 :]
        elif how == "cut":
            shard = shard[:at] + shard[at + len(garbage) :]
        elif how == "insert":
            shard = shard[:at] + garbage + shard[at:]
        else:
            shard = shard[:at] + shard[at // 2 :]
    items = list(recover(shard, SHARD))
    ends = 0
    for item in items:
        offset = item.offset if isinstance(item, Frame) else item.place.offset
        assert offset is not None and offset >= ends
        ends = offset + item.size if isinstance(item, Frame) else offset + 1
    covered = sum(item.size for item in items if isinstance(item, Frame))
    assert covered == len(shard) or any(isinstance(item, Finding) for item in items)
