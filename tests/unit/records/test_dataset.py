from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.errors import ConfigError, DatasetError, RecordError, RecordLocation
from dali_ssd.records.dataset import expand_paths, open_dataset
from dali_ssd.records.format.index import read_index
from dali_ssd.records.format.recordio import Header, frame, pack
from dali_ssd.records.writer import ShardWriter
from tests.support.shards import write_random


def record(i: int) -> bytes:
    return pack(Header(np.array([2, 5], np.float32), i), bytes([i]) * (i + 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three shards with records 0 3 6, 1 4 7, 2 5."""
    with ShardWriter(tmp_path, "t", 3) as writer:
        for i in range(8):
            writer.write(record(i))
    return tmp_path


def test_many_shards_are_one_list(folder: Path) -> None:
    dataset = open_dataset(str(folder / "t-*.rec"))
    assert len(dataset) == 8 and len(dataset.shards) == 3
    assert [dataset.read(i)[0].id for i in range(8)] == [0, 3, 6, 1, 4, 7, 2, 5]
    assert dataset.read(4)[1] == bytes([4]) * 5
    assert (np.diff(dataset.offsets) > 0).all()


def test_places(folder: Path) -> None:
    dataset = open_dataset(sorted(folder.glob("*.rec")))
    place = dataset.place(4)
    assert place == RecordLocation(dataset.shards[1], 4, len(frame(record(1))))
    for i in range(8):
        where = dataset.place(i)
        assert where.shard is not None and where.offset is not None
        assert dataset.find(where.shard, where.offset) == i
    assert dataset.find(dataset.shards[0], 4) is None
    assert dataset.find(folder / "other.rec", 0) is None


def test_records_by_number(folder: Path) -> None:
    dataset = open_dataset(folder / "*.rec")
    count = len(dataset)
    assert dataset[np.int64(count - 1)].place == dataset[-1].place == dataset.place(count - 1)
    for number in (count, -count - 1):
        with pytest.raises(IndexError, match=f"there is no record {number}; the dataset has records 0 to {count - 1}"):
            dataset[number]
    for several in (slice(1, 3), "a", 1.0):
        with pytest.raises(ConfigError, match="give the number of one record, not"):
            dataset[several]  # type: ignore[index]


def test_a_key_that_is_not_there_or_several_times(tmp_path: Path) -> None:
    one, other = (write_random(tmp_path / name, 7)[0] for name in "ab")
    assert [open_dataset(one).number_of(key) for key in range(7)] == list(range(7))
    for shards in (one, [one, other]):
        with pytest.raises(DatasetError, match="no record has the key 9; the keys are 0, 1, 2, 3, 4, and 2 keys more"):
            open_dataset(shards).number_of(9)
    with pytest.raises(DatasetError, match=r"several records have the key 3: .*a/s.rec, record 3.*b/s.rec.* alone"):
        open_dataset([one, other]).number_of(3)


def test_merged_index(folder: Path, tmp_path: Path) -> None:
    dataset = open_dataset(str(folder / "t-*.rec"))
    path = dataset.merged_index(tmp_path / "merged")
    assert path == dataset.merged_index(tmp_path / "merged")
    index = read_index(path)
    whole = b"".join(shard.read_bytes() for shard in dataset.shards)
    assert index.offsets.tolist() == [*dataset.offsets, len(whole)]
    assert all(whole[offset : offset + 4] == frame(b"")[:4] for offset in index.offsets[:-1])
    assert dataset.without([0]).merged_index(tmp_path / "merged") != path


def test_without(folder: Path) -> None:
    dataset = open_dataset(str(folder / "t-*.rec"))
    fewer = dataset.without([1, 3, 4, 5])
    assert [fewer.read(i)[0].id for i in range(len(fewer))] == [0, 6, 2, 5]
    assert fewer.shards == (dataset.shards[0], dataset.shards[2])
    assert fewer.starts.tolist() == [0, dataset.starts[1], dataset.starts[1] + dataset.starts[3] - dataset.starts[2]]
    assert len(dataset.without(range(8))) == 0
    assert len(dataset.without([])) == 8


def test_index_order_does_not_matter(folder: Path) -> None:
    path = folder / "t-00000-of-00003.idx"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    dataset = open_dataset(path.with_suffix(".rec"))
    assert [dataset.place(i).key for i in range(3)] == [0, 3, 6]


def test_empty_shards_are_dropped(folder: Path) -> None:
    (folder / "t-a.rec").touch()
    assert len(open_dataset(str(folder / "t-*.rec")).shards) == 3
    with pytest.raises(DatasetError, match=r"no records in .*t-a\.rec"):
        open_dataset(folder / "t-a.rec")


def test_record_damaged_after_opening(folder: Path) -> None:
    dataset = open_dataset(folder / "t-00002-of-00003.rec")
    dataset.shards[0].write_bytes(dataset.shards[0].read_bytes()[:-8])
    with pytest.raises(RecordError, match="truncated"):
        dataset.read(1)


def test_sizes_must_stay(folder: Path) -> None:
    dataset = open_dataset(str(folder / "t-*.rec"))
    dataset.require_sizes()
    shard = folder / "t-00001-of-00003.rec"
    shard.write_bytes(shard.read_bytes() + bytes(4))
    with pytest.raises(DatasetError, match=r"t-00001-of-00003\.rec has changed from \d+ bytes to \d+"):
        dataset.require_sizes()
    shard.unlink()
    with pytest.raises(DatasetError, match=r"cannot read .*t-00001-of-00003\.rec: No such file"):
        dataset.require_sizes()


def test_expand_sorts_and_accepts_all_forms(folder: Path) -> None:
    names = [f"t-0000{i}-of-00003.rec" for i in range(3)]
    expected = tuple(folder / name for name in names)
    assert expand_paths(str(folder / "t-*.rec")) == expected
    assert expand_paths([folder / names[0], str(folder / "*[12]-of*.rec")]) == expected
    assert expand_paths(folder / names[1]) == (expected[1],)


def test_names_with_glob_characters_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a[1].rec").touch()
    assert expand_paths(tmp_path / "a[1].rec") == (tmp_path / "a[1].rec",)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["none.rec"], "there is no file"),
        (["none-*.rec"], "no file matches"),
        ([""], "is a folder"),
        (["t-00000-of-00003.idx"], "is an index"),
        (["t-00000-of-00003.rec", "t-*.rec"], "given twice"),
        ([], "no shards given"),
    ],
)
def test_paths_that_cannot_work(folder: Path, names: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        expand_paths([folder / name for name in names])


@pytest.mark.parametrize("paths", [5, None, b"a.rec", ["a.rec", 5], [["a.rec"]]])
def test_what_is_no_path_is_named(paths: Any) -> None:
    with pytest.raises(ConfigError, match=r"shards must be a path or pattern such as .*, or many, not "):
        expand_paths(paths)


def test_same_shard_through_a_link_is_refused(folder: Path) -> None:
    (folder / "link.rec").symlink_to(folder / "t-00000-of-00003.rec")
    with pytest.raises(DatasetError, match="given twice"):
        expand_paths([folder / "link.rec", folder / "t-00000-of-00003.rec"])
