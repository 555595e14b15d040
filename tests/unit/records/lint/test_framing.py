from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.errors import DatasetError
from dali_ssd.records.lint import framing
from dali_ssd.records.lint.framing import left_out_path, shard_structure
from tests.support.records import Write, encoded, record, starts

RECORDS = [record([(0.1, 0.1, 0.2 + i / 10, 0.5)]) for i in range(5)]
STARTS = starts(RECORDS)


def findings(shard: Path) -> list[tuple[str, int | None, int | None]]:
    return [(f.kind, f.place.key, f.place.offset) for f in shard_structure(shard).findings]


def index(shard: Path, *pairs: tuple[int, int]) -> None:
    shard.with_suffix(".idx").write_text("".join(f"{key}\t{offset}\n" for key, offset in pairs))


def test_intact(write: Write) -> None:
    structure = shard_structure(write(RECORDS))
    assert structure.findings == []
    assert list(structure.listed()) == list(zip(STARTS, range(5), strict=False))


def test_what_has_been_read_is_told_and_given_back(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    released: list[tuple[int, int]] = []
    shard = write(RECORDS)
    monkeypatch.setattr(framing, "_STEP", STARTS[2])
    monkeypatch.setattr(framing, "release", lambda _, start, end: released.append((start, end)))
    assert len(shard_structure(shard, told.append).offsets) == 5
    assert told == [STARTS[2], STARTS[4] - STARTS[2], shard.stat().st_size - STARTS[4]]
    assert released == [(0, STARTS[2]), (STARTS[2], STARTS[4])]


def test_missing_index(write: Write) -> None:
    shard = write(RECORDS)
    shard.with_suffix(".idx").unlink()
    assert findings(shard) == [("index-missing", None, None)]
    assert len(list(shard_structure(shard).listed())) == 5


@pytest.mark.parametrize("text", ["garbage", "1\t2\t3\n", "0\t-1\n"])
def test_index_that_is_none(write: Write, text: str) -> None:
    shard = write(RECORDS)
    shard.with_suffix(".idx").write_text(text)
    assert findings(shard) == [("index-unreadable", None, None)]
    assert len(list(shard_structure(shard).listed())) == 5


def test_entries_that_point_elsewhere(write: Write) -> None:
    shard = write(RECORDS)
    index(shard, (0, STARTS[0]), (1, STARTS[1] + 4), (2, STARTS[2]), (3, 10**9), (4, STARTS[4]), (5, STARTS[3]))
    assert findings(shard) == [
        ("index-misfit", 1, STARTS[1] + 4), ("index-misfit", 3, 10**9), ("unindexed", None, STARTS[1])
    ]  # fmt: skip


def test_index_of_another_file(write: Write) -> None:
    shard, other = write(RECORDS), write([record(image=encoded(size=(60, 50))), *RECORDS[2:]], "b")
    other.with_suffix(".idx").rename(shard.with_suffix(".idx"))
    assert findings(shard) == [("index-foreign", None, None)]
    assert len(list(shard_structure(shard).listed())) == 5


def test_duplicates(write: Write) -> None:
    shard = write(RECORDS)
    index(shard, *[(i % 4, STARTS[i]) for i in range(5)], (9, STARTS[2]))
    assert findings(shard) == [("index-duplicate-key", 0, 0), ("index-duplicate-offset", 2, STARTS[2])]


def test_unindexed_records_are_no_surprise_if_meant(write: Write) -> None:
    shard = write(RECORDS)
    index(shard, (0, 0), (1, STARTS[1]), (2, STARTS[2]))
    assert findings(shard) == [("unindexed", None, STARTS[3]), ("unindexed", None, STARTS[4])]
    left_out_path(shard).write_text(f"{STARTS[3]}\tbad\nnonsense\n\n")
    assert findings(shard) == [("left-out", None, STARTS[3]), ("unindexed", None, STARTS[4])]


def test_damage_and_index(write: Write) -> None:
    shard = write(RECORDS)
    data = bytearray(shard.read_bytes())
    data[STARTS[2]] ^= 1
    shard.write_bytes(data[:-4])
    assert findings(shard) == [
        ("bad-magic", 2, STARTS[2]), ("truncated-shard", 4, STARTS[4]),
    ]  # fmt: skip
    index(shard, (0, STARTS[0]), (1, STARTS[1]), (3, STARTS[3]))
    left_out_path(shard).write_text(f"{STARTS[2]}\tx\n{STARTS[4]}\tx\n")
    assert {kind for kind, _, _ in findings(shard)} == {"left-out"}


def test_misaligned(write: Write) -> None:
    shard = write(RECORDS)
    shard.write_bytes(b"x" + shard.read_bytes())
    shard.with_suffix(".idx").unlink()
    assert [kind for kind, _, _ in findings(shard)] == ["bad-magic", "index-missing"] + ["misaligned"] * 5


def test_empty_and_missing(write: Write) -> None:
    shard = write(RECORDS)
    shard.write_bytes(b"")
    shard.with_suffix(".idx").write_bytes(b"")
    assert findings(shard) == [("empty-shard", None, None)]
    shard.unlink()
    with pytest.raises(DatasetError, match="cannot read"):
        shard_structure(shard)
