from __future__ import annotations

import errno
import os
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.errors import DatasetError, RecordError
from dali_ssd.records.format import index as module
from dali_ssd.records.format.index import (
    Index,
    build_index,
    check_index,
    ensure_index,
    index_path,
    read_index,
    write_index,
)
from dali_ssd.records.format.recordio import MAGIC, frame
from tests.support.processes import in_processes

MAGIC_BYTES = MAGIC.to_bytes(4, "little")
RECORDS = [b"one", MAGIC_BYTES + b"two" + MAGIC_BYTES, b"", b"four" * 50]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "a.rec"
    path.write_bytes(b"".join(map(frame, RECORDS)))
    return path


def offsets() -> list[int]:
    return list(accumulate((len(frame(record)) for record in RECORDS), initial=0))[:-1]


def test_build_write_read(shard: Path) -> None:
    write_index(index_path(shard), build_index(shard))
    index = read_index(index_path(shard))
    assert index.keys.tolist() == [0, 1, 2, 3] and index.offsets.tolist() == offsets()
    assert index_path(shard).read_text().splitlines()[1] == f"1\t{offsets()[1]}"


def test_ensure_builds_a_missing_index_beside(shard: Path) -> None:
    assert ensure_index(shard) == shard.with_suffix(".idx")
    assert read_index(shard.with_suffix(".idx")).offsets.tolist() == offsets()


def test_ensure_keeps_an_index_that_leaves_records_out(shard: Path) -> None:
    index_path(shard).write_text(f"7\t{offsets()[3]}\n\n5\t0\n")
    assert read_index(ensure_index(shard)).keys.tolist() == [7, 5]


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_read_only_folder_uses_the_cache(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write = module.write_index

    def refuse(path: Path, index: Index) -> None:
        if path.parent == shard.parent:
            try:
                raise OSError(number, "no")
            except OSError as error:
                raise DatasetError("cannot write") from error
        write(path, index)

    monkeypatch.setattr(module, "write_index", refuse)
    cache = tmp_path / "cache"
    first = ensure_index(shard, cache)
    assert cache in first.parents and read_index(first).offsets.tolist() == offsets()
    first.write_text("garbage")
    assert ensure_index(shard, cache) == first and len(read_index(first)) == 4
    shard.write_bytes(frame(b"another"))
    os.utime(shard, ns=(5, 5))
    assert len(read_index(ensure_index(shard, cache))) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\t4\n", "inside|no record begins"),
        ("0\t2\n", "not a place"),
        ("0\t100000\n", "not a place"),
        ("0\t0\n0\t16\n", "no record begins"),
        ("0\t0\n1\t0\n", "byte offset 0 more than once"),
        ("0 0 0\n", "line 1"),
        ("0\t0\nx\t12\n", "line 2"),
        ("0\t-4\n", "line 1"),
        ("0\t99999999999999999999\n", "line 1"),
        ("\x00\xff", "line 1"),
    ],
)
def test_index_that_does_not_fit_is_refused(shard: Path, text: str, message: str) -> None:
    index_path(shard).write_text(text)
    with pytest.raises(DatasetError, match=message):
        ensure_index(shard)


def test_misfit_names_place_and_next_step(shard: Path) -> None:
    index_path(shard).write_text("7\t24\n")
    with pytest.raises(RecordError, match=r"dali-ssd index .*a\.rec") as caught:
        ensure_index(shard)
    assert (caught.value.place.key, caught.value.place.offset) == (7, 24)


def test_continuation_of_a_split_record_is_no_beginning(shard: Path) -> None:
    index = Index(np.array([0]), np.array([offsets()[1] + 8]))
    with pytest.raises(RecordError, match="inside of a record"):
        check_index(shard, index, index_path(shard))


def test_duplicate_keys(shard: Path) -> None:
    index_path(shard).write_text(f"1\t0\n1\t{offsets()[1]}\n")
    with pytest.raises(DatasetError, match="key 1 more than once"):
        ensure_index(shard)


def test_damaged_shard_without_index(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:-4])
    with pytest.raises(RecordError, match="truncated"):
        ensure_index(shard)
    assert os.listdir(shard.parent) == ["a.rec"]


def test_missing_and_empty_shard(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot read"):
        ensure_index(tmp_path / "none.rec")
    (tmp_path / "empty.rec").touch()
    assert len(read_index(ensure_index(tmp_path / "empty.rec"))) == 0
    (tmp_path / "empty.idx").write_text("0\t0\n")
    with pytest.raises(RecordError, match="0 bytes"):
        ensure_index(tmp_path / "empty.rec")


@given(st.binary(max_size=60) | st.text("0123456789\t\n -", max_size=60).map(str.encode))
def test_arbitrary_index_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "arbitrary-index"
    folder.mkdir(exist_ok=True)
    (folder / "a.rec").write_bytes(b"".join(map(frame, RECORDS)))
    (folder / "a.idx").write_bytes(content)
    try:
        index = read_index(ensure_index(folder / "a.rec"))
    except DatasetError:
        return
    assert set(index.offsets.tolist()) <= set(offsets())


def test_two_processes_build_at_once(shard: Path) -> None:
    shard.write_bytes(frame(b"x" * 40) * 5000)
    in_processes("fork", _build_often, [(shard,)] * 3)
    assert sorted(os.listdir(shard.parent)) == ["a.idx", "a.rec"]


def _build_often(shard: Path) -> None:
    for _ in range(5):
        write_index(index_path(shard), build_index(shard))
        assert len(read_index(ensure_index(shard))) == 5000
