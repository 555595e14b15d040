"""Reports on shards are cached, and used as long as the shard is the same."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dali_ssd.errors import DatasetError
from dali_ssd.records import inspect as module
from dali_ssd.records.inspect import inspect_shards
from dali_ssd.records.lint.shard_report import report_path
from dali_ssd.util import files
from tests.support.processes import in_processes
from tests.support.records import BOX, Write, record, starts

PIXELS = (4, 6, 20, 18)
GOOD = [record() for _ in range(20)]


def test_second_look_comes_from_the_cache(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = write([*GOOD, record(image=b""), record([PIXELS], [7])])
    first = inspect_shards(shard, cache_dir=tmp_path / "cache", num_classes=3)

    def never(*_: object) -> None:
        raise AssertionError("looked again")

    with monkeypatch.context() as patch:
        patch.setattr(module, "shard_structure", never)
        again = inspect_shards(shard, cache_dir=tmp_path / "cache", num_classes=3)
        assert again.findings == first.findings and again.bad == first.bad == (20, 21)
        os.utime(shard, ns=(1, 1))
        with pytest.raises(AssertionError, match="looked again"):
            inspect_shards(shard, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"size": 1, "records": [[1]], "findings": []}', "\x00"])
def test_damaged_cache_is_made_again(write: Write, tmp_path: Path, content: str) -> None:
    shard = write(GOOD)
    first = inspect_shards(shard, cache_dir=tmp_path)
    path = report_path(shard, tmp_path)
    path.write_text(content)
    assert inspect_shards(shard, cache_dir=tmp_path).reports == first.reports
    assert json.loads(path.read_text())["size"] == shard.stat().st_size


def test_processes_look_at_once(write: Write, tmp_path: Path) -> None:
    shard = write([*GOOD, record(image=b"")])
    shard.with_suffix(".idx").unlink()
    in_processes("fork", _look_often, [(shard, tmp_path / "cache")] * 3)
    assert len(list((tmp_path / "cache" / "reports").iterdir())) >= 1


def _look_often(shard: Path, cache: Path) -> None:
    for i in range(10):
        assert inspect_shards(shard, cache_dir=cache / str(i % 2)).bad == (20,)
        assert inspect_shards(shard, cache_dir=cache).bad == (20,)


def test_a_shard_that_was_replaced_in_its_old_clothes(write: Write, tmp_path: Path) -> None:
    """Tools that copy files keep size and time."""
    shard, other = write(GOOD), write([*GOOD[1:], record([(0.9, 0.2, 0.5, 0.6)])], "b")
    assert inspect_shards(shard, cache_dir=tmp_path).errors == ()
    times = shard.stat()
    assert other.stat().st_size == times.st_size
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(shard)
    assert inspect_shards(shard, cache_dir=tmp_path).bad == (19,)


def test_what_is_known_of_a_shard_holds_under_its_other_names(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shard = write([*GOOD, record([BOX, (0.5, 0.2, 0.1, 0.6)])])
    assert inspect_shards(shard).bad == (20,)
    monkeypatch.chdir(shard.parent)
    (tmp_path / "link.rec").symlink_to(shard)
    (tmp_path / "link.idx").symlink_to(shard.with_suffix(".idx"))
    for name in (Path(shard.name), tmp_path / "link.rec"):
        report = inspect_shards(name)
        assert report.bad == (20,) and report.lost == 0
        assert len(report.without_bad(0.1)) == 20


def test_a_fresh_look_keeps_nothing_and_believes_nothing(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)
    inspect_shards(shard, cache_dir=tmp_path / "cache")
    times, data = shard.stat(), bytearray(shard.read_bytes())
    data[starts(GOOD)[4]] ^= 1
    shard.write_bytes(data)
    os.utime(shard, ns=(times.st_atime_ns, times.st_mtime_ns))
    kept = sorted((tmp_path / "cache").rglob("*"))
    assert inspect_shards(shard, fresh=True, cache_dir=tmp_path / "cache").errors
    shard.with_suffix(".idx").unlink()
    inspect_shards(shard, fresh=True, cache_dir=tmp_path / "cache")
    assert sorted((tmp_path / "cache").rglob("*")) == kept and not shard.with_suffix(".idx").exists()


@pytest.mark.parametrize("part", ["index", "reports", "merged", "bad-records"])
def test_what_cannot_be_kept_in_the_cache_may_be_kept_elsewhere(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    shard, sync = write([record(image=b"")]), files.sync_file
    if part == "index":
        shard.with_suffix(".idx").unlink()
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "cache"))

    def refuse(path: Path) -> None:
        if path.parent.name == part or (part == "index" and path.parent == shard.parent):
            raise PermissionError(13, "Permission denied")
        sync(path)

    monkeypatch.setattr(files, "sync_file", refuse)
    with pytest.raises(DatasetError, match=rf"cannot write .*/cache/{part}/.*set DALI_SSD_CACHE"):
        report = inspect_shards(shard)
        report.require_readable()
        report.dataset.merged_index()
        report.write_list()
