from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.errors import DatasetError, RecordError
from dali_ssd.records.format import recordio
from dali_ssd.records.format.recordio import (
    MAGIC,
    Header,
    frame,
    join,
    map_shard,
    pack,
    read_record,
    release,
    resync,
    scan,
    unpack,
)

MAGIC_BYTES = struct.pack("<I", MAGIC)

# Pieces that put the magic number at aligned and unaligned places, at either end and twice in a row.
payloads = st.lists(st.one_of(st.just(MAGIC_BYTES), st.binary(max_size=9), st.just(b"\x0a\x23")), max_size=8).map(
    b"".join
)
damage = st.lists(
    st.one_of(
        st.just(MAGIC_BYTES),
        st.integers(0, 3).flatmap(lambda flag: st.integers(0, 40).map(lambda n: struct.pack("<I", flag << 29 | n))),
        st.binary(max_size=12),
    ),
    max_size=12,
).map(b"".join)


@given(st.lists(payloads, max_size=6))
def test_records_survive_framing(records: list[bytes]) -> None:
    shard = b"".join(map(frame, records))
    assert len(shard) % 4 == 0
    assert [join(shard, found) for found in scan(shard)] == records
    assert [read_record(shard, found.offset) for found in scan(shard)] == records
    assert [found.length for found in scan(shard)] == [len(record) for record in records]


@given(payloads)
def test_aligned_magic_only_begins_parts(record: bytes) -> None:
    framed = frame(record)
    words = np.frombuffer(framed, "<u4")
    parts = next(scan(framed)).parts
    assert (np.flatnonzero(words == MAGIC) * 4).tolist() == [start - 8 for start, _ in parts]


@pytest.mark.parametrize(
    ("record", "framed"),
    [
        (b"", "0a23d7ce 00000000"),
        (b"abc", "0a23d7ce 03000000 61626300"),
        (MAGIC_BYTES, "0a23d7ce 00000020 0a23d7ce 00000060"),
        (b"ab" + MAGIC_BYTES, "0a23d7ce 06000000 61620a23 d7ce0000"),
        (MAGIC_BYTES * 2 + b"x", "0a23d7ce 00000020 0a23d7ce 00000040 0a23d7ce 01000060 78000000"),
    ],
)
def test_bytes_of_dmlc(record: bytes, framed: str) -> None:
    assert frame(record) == bytes.fromhex(framed)


@given(
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=20),
)
def test_header_round_trip(label: list[float], identity: int, identity2: int, payload: bytes) -> None:
    header, image = unpack(pack(Header(np.array(label, np.float32), identity, identity2), payload))
    assert (header.label.tolist(), header.id, header.id2, image) == (label, identity, identity2, payload)
    assert header.label.dtype == np.float32


def test_flag_zero_holds_one_number() -> None:
    header, image = unpack(struct.pack("<IfQQ", 0, 7.5, 3, 0) + b"image")
    assert header.label.tolist() == [7.5] and header.id == 3 and image == b"image"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"", "has 0 bytes,"),
        (b"a", "has 1 byte,"),
        (bytes(23), "has 23 bytes,"),
        (struct.pack("<IfQQ", 1, 0, 0, 0), "label of 1 number, "),
        (struct.pack("<IfQQ", 3, 0, 0, 0) + bytes(8), "label of 3 numbers, "),
    ],
)
def test_short_records(record: bytes, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        unpack(record)


def test_absurd_label_length_allocates_nothing() -> None:
    with pytest.raises(RecordError, match="4,294,967,295"):
        unpack(struct.pack("<IfQQ", 2**32 - 1, 0, 0, 0))


def test_too_long_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordio, "MAX_LENGTH", 10)
    with pytest.raises(RecordError, match="at most 10"):
        frame(bytes(11))


@pytest.mark.parametrize(
    ("shard", "message", "offset"),
    [
        (frame(b"abcd")[:-1], "part of 4 bytes .*truncated", 0),
        (frame(b"a")[:-1], "part of 1 byte .*truncated", 0),
        (frame(b"abcd") + b"\x0a\x23", "inside the head", 12),
        (frame(b"abcd") + bytes(8), "0x00000000, not the magic number", 12),
        (MAGIC_BYTES + struct.pack("<I", 5 << 29), "flag 5", 0),
        (MAGIC_BYTES + struct.pack("<I", 2 << 29), "cannot be at a record's start", 0),
        (MAGIC_BYTES + struct.pack("<I", 1 << 29) + frame(b"abcd"), "continuation", 0),
        (frame(MAGIC_BYTES)[:8], "truncated", 0),
    ],
)
def test_damage_is_named(shard: bytes, message: str, offset: int) -> None:
    with pytest.raises(RecordError, match=message) as caught:
        list(scan(shard, Path("a.rec")))
    assert (caught.value.place.shard, caught.value.place.offset) == (Path("a.rec"), offset)


@given(damage)
def test_arbitrary_bytes_end_in_frames_or_our_error(shard: bytes) -> None:
    end = 0
    try:
        for found in scan(shard):
            assert found.offset == end
            end = found.offset + found.size
            assert len(join(shard, found)) == found.length
    except RecordError as error:
        assert error.place.offset == end
    else:
        assert end == len(shard)


@given(damage, st.integers(0, 60))
def test_resync_finds_the_first_possible_beginning(shard: bytes, start: int) -> None:
    expected = [
        at
        for at in range(start, len(shard) - 7)
        if shard[at : at + 4] == MAGIC_BYTES and int.from_bytes(shard[at + 4 : at + 8], "little") >> 29 < 2
    ]
    assert resync(shard, start) == (expected[0] if expected else None)


@pytest.mark.parametrize("offset", [-4, 12, 100])
def test_offset_outside(offset: int) -> None:
    with pytest.raises(RecordError, match="outside of the shard"):
        read_record(frame(b"abcd"), offset)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    path.write_bytes(frame(b"one") + frame(b"two"))
    assert read_record(path, 12) == b"two"
    (tmp_path / "empty.rec").touch()
    with map_shard(tmp_path / "empty.rec") as buffer:
        assert list(scan(buffer)) == [] and resync(buffer, 0) is None
    with pytest.raises(DatasetError, match=r"cannot read .*none\.rec"):
        read_record(tmp_path / "none.rec", 0)


def test_bytes_that_are_released_are_no_longer_in_memory(tmp_path: Path) -> None:
    def mapped_mb() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssFile")) >> 10

    content = np.random.default_rng(0).bytes(1 << 26)
    (tmp_path / "a.rec").write_bytes(content)
    with map_shard(tmp_path / "a.rec") as buffer:
        before = mapped_mb()
        assert buffer[:] == content and mapped_mb() > before + 60
        release(buffer, 1 << 20, 1 << 26)
        assert mapped_mb() < before + 4
        assert buffer[:] == content
    release(b"bytes that are not mapped", 0, 9)
