"""Many loaders at once over the same shards, in one process and in many."""

from __future__ import annotations

import os
import tempfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dali_ssd import TrainLoader, ValLoader
from dali_ssd.errors import ConfigError, DatasetError
from dali_ssd.loader import fork_guard as forks
from dali_ssd.records.format.index import index_path
from tests.support.loaders import FRAMEWORK, as_numpy
from tests.support.nobody import NOBODY
from tests.support.pipes import ANCHORS
from tests.support.processes import Method, in_processes
from tests.support.shards import write_random


def train(shards: Any) -> TrainLoader:
    return TrainLoader(shards, anchors=ANCHORS, batch_size=4, data_shape=64, seed=3, num_threads=2, framework=FRAMEWORK)


def digest(shards: Any) -> int:
    """Check sum of an epoch of training and one of validation."""
    result = 0
    scored = ValLoader(shards, batch_size=4, data_shape=64, num_threads=2, framework=FRAMEWORK)
    for loader in (train(shards), scored):
        for batch in loader:
            result = zlib.crc32(b"".join(as_numpy(array).tobytes() for part in batch for array in part), result)
    return result


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_read_the_same_and_leave_nothing(tmp_path: Path, method: Method) -> None:
    """While this process reads as well, with its readers in the middle of the shards when it forks."""
    shards = [str(path) for path in write_random(tmp_path, 10, num_shards=3)]
    expected, before = digest(shards), set(os.listdir("/dev/shm"))
    loader = train(shards)
    epoch = iter(loader)
    next(epoch)
    assert in_processes(method, digest, [(shards,)] * 3) == [expected] * 3
    assert len(list(epoch)) == 1
    own = {name for name in set(os.listdir("/dev/shm")) - before if name.startswith(("dali", "mx", "psm", "torch"))}
    assert own == set()


def test_no_child_finds_the_pool_of_memory_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 of 100 hung that were forked while readers worked: too few to meet one here, so DALI is looked at as well."""
    shards = [str(path) for path in write_random(tmp_path, 10, num_shards=3)]
    expected = digest(shards)
    found: list[list[bytes] | None] = []
    comes_to_rest = forks._comes_to_rest

    def also_look() -> bool:
        done = comes_to_rest()
        found.append(forks._switches(list(forks._threads_of_dali())))
        return done

    monkeypatch.setattr(forks, "_comes_to_rest", also_look)
    for _ in range(5):
        loader = train(shards)
        next(iter(loader))
        assert in_processes("fork", digest, [(shards,)] * 3, limit=60) == [expected] * 3
    assert len(found) == 15
    assert all(found)  # threads of DALI, and all of them asleep


def test_a_fork_knows_the_threads_of_dali(tmp_path: Path) -> None:
    """By their names, which are DALI's to change: where it found none, it would wait for none."""
    before = forks._threads_of_dali()
    loader = train(write_random(tmp_path, 10))
    next(iter(loader))
    begins = {name[:9] for thread, name in forks._threads_of_dali().items() if thread not in before}
    assert begins >= {b"[DALI] Ex", b"[DALI][TP", b"PrefetchW"}


def test_threads_read_the_same(tmp_path: Path) -> None:
    shards = write_random(tmp_path, 10)
    expected = digest(shards)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(digest(shards)), daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert found == [expected] * 4


def test_a_loader_of_another_process_says_so(tmp_path: Path) -> None:
    """Its threads were not forked along: without a word, it would wait for them for ever."""
    loader = train(write_random(tmp_path, 8))
    (message,) = in_processes("fork", _message, [(loader,)])
    assert "made in another process" in message
    assert len(list(loader)) == len(loader)


def _message(loader: TrainLoader) -> str:
    try:
        next(iter(loader))
    except ConfigError as error:
        return str(error)
    return "no error"


def test_processes_build_index_and_cache_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "cache"))
    (shard,) = write_random(tmp_path, 10)
    index_path(shard).unlink()
    assert len(set(in_processes("fork", digest, [(shard,)] * 4))) == 1
    assert [path for path in tmp_path.rglob("*") if ".tmp" in path.name] == []
    assert index_path(shard).exists() and len(list((tmp_path / "cache" / "reports").iterdir())) == 1


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def _as_nobody(folder: Path, cache: str) -> str:
    """What a user who can write nothing but the cache sees. Modes do not count for root, so root becomes nobody."""
    if os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    os.environ["DALI_SSD_CACHE"] = cache
    try:
        return str(digest(folder / "s.rec"))
    except DatasetError as error:
        return str(error)


def test_read_only_data(open_folder: Path) -> None:
    (shard,) = write_random(open_folder, 10)
    expected = digest(shard)
    index_path(shard).unlink()
    cache = open_folder / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    open_folder.chmod(0o555)
    assert in_processes("fork", _as_nobody, [(open_folder, str(cache))]) == [str(expected)]
    assert not index_path(shard).exists() and len(list((cache / "index").iterdir())) == 1
    (message,) = in_processes("fork", _as_nobody, [(open_folder, str(open_folder / "none"))])
    assert "set DALI_SSD_CACHE to one you can write to" in message
    open_folder.chmod(0o755)
