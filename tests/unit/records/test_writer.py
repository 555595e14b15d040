from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from dali_ssd.errors import ConfigError, DaliSsdError
from dali_ssd.records import writer as module
from dali_ssd.records.format.index import build_index, read_index
from dali_ssd.records.format.recordio import read_record
from dali_ssd.records.writer import ShardWriter, shard_names, stem_of


def test_names() -> None:
    assert shard_names("train", 1) == ("train.rec",)
    assert shard_names("train", 2) == ("train-00000-of-00002.rec", "train-00001-of-00002.rec")


@pytest.mark.parametrize(("stem", "count"), [("", 1), ("a/b", 1), (".a", 1), ("a", 0), ("a", -1), ("a", 100_000)])
def test_names_that_cannot_work(stem: str, count: int) -> None:
    with pytest.raises(ConfigError):
        shard_names(stem, count)


def test_records_are_dealt_out_with_index(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "new" / "folder", "t", 2) as writer:
        for i in range(5):
            writer.write(bytes([i]))
    index = read_index(writer.paths[1].with_suffix(".idx"))
    assert index.keys.tolist() == [1, 3]
    assert [read_record(writer.paths[1], offset) for offset in index.offsets] == [b"\x01", b"\x03"]
    assert build_index(writer.paths[0]).offsets.tolist() == [0, 12, 24]


def test_key_can_be_given(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "t") as writer:
        writer.write(b"x", key=77)
    assert read_index(tmp_path / "t.idx").keys.tolist() == [77]


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt()])
def test_exception_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), ShardWriter(tmp_path, "t", 3) as writer:
        writer.write(b"x")
        raise error
    assert os.listdir(tmp_path) == []


def test_full_disk(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(DaliSsdError, match="File too large"), ShardWriter(tmp_path, "t", 2) as writer:
            for _ in range(40):
                writer.write(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []


def test_failure_while_renaming_takes_the_first_names_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "replace", third_rename(OSError(5, "Input/output error")))
    with pytest.raises(DaliSsdError, match="Input/output"), ShardWriter(tmp_path, "t", 2) as writer:
        writer.write(b"x")
    assert os.listdir(tmp_path) == []


def test_existing_shards_are_kept_unless_told(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "t", 2) as writer:
        writer.write(b"old")
    (tmp_path / "t-other.rec").write_bytes(b"not ours")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(DaliSsdError, match="--overwrite"), ShardWriter(tmp_path, "t", 1):
        pass
    assert sorted(os.listdir(tmp_path)) == before
    with ShardWriter(tmp_path, "t", 1, overwrite=True) as writer:
        writer.write(b"new")
    assert sorted(os.listdir(tmp_path)) == ["t-other.rec", "t.idx", "t.rec"]
    assert read_record(tmp_path / "t.rec", 0) == b"new"


def third_rename(error: BaseException) -> Callable[[Path, Path], None]:
    """What puts new files into place, but for the third: there it raises."""
    calls: list[Path] = []

    def rename(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 3:
            raise error
        os.replace(source, target)

    return rename


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_failure_while_renaming_leaves_the_old_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    for count in (1, 2):
        with ShardWriter(tmp_path, "t", count, overwrite=True) as writer:
            writer.write(b"old")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(module, "replace", third_rename(error))
    with pytest.raises((DaliSsdError, KeyboardInterrupt)), ShardWriter(tmp_path, "t", 2, overwrite=True) as writer:
        writer.write(b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_failure_while_old_shards_are_set_aside_leaves_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    with ShardWriter(tmp_path, "t") as writer:
        writer.write(b"old")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "t.rec":
            raise error
        return rename(path, target)

    with pytest.raises((DaliSsdError, KeyboardInterrupt)), ShardWriter(tmp_path, "t", overwrite=True) as writer:
        writer.write(b"new")
        monkeypatch.setattr(Path, "rename", refuse)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_texts_beside_the_shards_come_with_them_or_stay_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    for names in (["cat", "dog"], ["owl"]):
        with ShardWriter(tmp_path, "t", overwrite=True) as writer:
            writer.write(names[0].encode())
            writer.beside("classes.txt", names)
        assert {path.name for path in tmp_path.iterdir()} == {"t.rec", "t.idx", "classes.txt"}
        assert (tmp_path / "classes.txt").read_text() == "".join(f"{name}\n" for name in names)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(module, "replace", third_rename(error))  # the shard and its index have their names by then
    with pytest.raises((DaliSsdError, KeyboardInterrupt)), ShardWriter(tmp_path, "t", overwrite=True) as writer:
        writer.write(b"new")
        writer.beside("classes.txt", ["new"])
        writer.beside("t.report.txt", ["new"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_old_shards_that_cannot_be_deleted_are_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"old", b"new"):
        with ShardWriter(tmp_path, "t", overwrite=True) as writer:
            writer.write(content)
            monkeypatch.setattr(Path, "unlink", refuse)
    assert read_record(tmp_path / "t.rec", 0) == b"new"


def refuse(path: Path, *_: object, **__: object) -> None:
    raise OSError(5, "Input/output error", path)


def test_stem_is_what_names_have_in_common() -> None:
    for count in (1, 3):
        assert {stem_of(Path("some", name)) for name in shard_names("a-1", count)} == {"a-1"}
    assert stem_of(Path("train-00000.rec")) == "train-00000"


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DaliSsdError, match="cannot write the shards"), ShardWriter(tmp_path / "file" / "x", "t"):
        pass
