from __future__ import annotations

import errno
import os
import resource
import subprocess
import threading
from pathlib import Path

import pytest

from dali_ssd.errors import DaliSsdError, DatasetError
from dali_ssd.util import files as module
from dali_ssd.util.files import (
    atomic_open,
    atomic_path,
    cache_folder,
    caching,
    file_identity,
    locked,
    new_files,
    open_lines,
    part_name,
    remove_leftovers,
    temporary_name,
)


def test_atomic_open_replaces_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_open(path, "w") as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_atomic_open_gives_the_usual_permissions(tmp_path: Path) -> None:
    with atomic_open(tmp_path / "a.bin") as file:
        file.write(b"x")
    (tmp_path / "b.bin").write_bytes(b"x")
    assert (tmp_path / "a.bin").stat().st_mode == (tmp_path / "b.bin").stat().st_mode


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt()])
def test_exception_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), atomic_open(tmp_path / "a.bin") as file:
        file.write(b"half")
        raise error
    assert os.listdir(tmp_path) == []


def test_full_disk_is_our_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(DaliSsdError, match=r"cannot write .*a\.bin: File too large"), atomic_open(path) as file:
            file.write(bytes(2 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_full_disk_seen_at_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DaliSsdError, match="No space left on device"), atomic_open(tmp_path / "a.bin") as file:
        file.write(b"x")
    assert os.listdir(tmp_path) == []


def test_lines_get_their_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("old\n")
    with open_lines(path) as file:
        file.write("caf\u00e9 \udce9\n")
        assert part_name(path).read_bytes() == b"caf\xc3\xa9 \xe9\n" and path.read_text() == "old\n"
    assert path.read_bytes() == b"caf\xc3\xa9 \xe9\n" and os.listdir(tmp_path) == ["a.jsonl"]


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt()])
def test_lines_are_kept_after_an_exception(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), open_lines(tmp_path / "a.jsonl") as file:
        file.write("one\n")
        raise error
    assert os.listdir(tmp_path) == ["a.jsonl.part"] and part_name(tmp_path / "a.jsonl").read_text() == "one\n"


def test_lines_that_cannot_be_written_are_our_error(tmp_path: Path) -> None:
    with pytest.raises(DaliSsdError, match=r"a\.jsonl: No such file"), open_lines(tmp_path / "b/a.jsonl"):
        pass


def test_missing_folder_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(DaliSsdError, match="cannot write"), atomic_open(tmp_path / "none" / "a.bin") as file:
        file.write(b"x")


def test_errors_about_other_files_come_out_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_open(tmp_path / "a.bin"):
        open(tmp_path / "other")  # noqa: SIM115 - it does not exist
    assert os.listdir(tmp_path) == []


def test_atomic_path_keeps_the_suffix_and_hides_the_name(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "plot.png") as temporary:
        assert temporary.suffix == ".png" and temporary.name.startswith(".")
        temporary.write_bytes(b"picture")
    assert (tmp_path / "plot.png").read_bytes() == b"picture"


def test_temporary_names_differ(tmp_path: Path) -> None:
    assert temporary_name(tmp_path / "a") != temporary_name(tmp_path / "a")


def test_cache_folder_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "env"))
    assert cache_folder() == tmp_path / "env"
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
    assert (tmp_path / "given").is_dir()


def test_cache_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="DALI_SSD_CACHE"):
        cache_folder(tmp_path / "file" / "cache")


def test_a_cache_that_cannot_be_written_may_be_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with caching(), atomic_open(tmp_path / "a", "w") as file:
        file.write("text")
    with pytest.raises(ValueError, match=r"^other$"), caching():
        raise ValueError("other")
    with pytest.raises(DaliSsdError, match=r"^other$"), caching():
        raise DaliSsdError("other")
    monkeypatch.setattr(module, "sync_file", refuse)
    message = r"cannot write .*/a: Permission denied; set DALI_SSD_CACHE"
    with pytest.raises(DatasetError, match=message), caching(), atomic_open(tmp_path / "a", "w") as file:
        file.write("more")
    assert (tmp_path / "a").read_text() == "text"


def test_identity_follows_content_changes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    first = file_identity(path)
    assert file_identity(path) == first
    path.write_bytes(b"22")
    assert file_identity(path) != first
    os.utime(path, ns=(1, 1))
    second = file_identity(path)
    os.utime(path, ns=(2, 2))
    assert file_identity(path) != second


def test_new_files_go_when_the_block_fails_and_old_ones_stay(tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in ("old", "new", "other"))
    old.write_text("1")
    with pytest.raises(KeyboardInterrupt), new_files([old, new]):
        for path in (old, new, other):
            path.write_text("2")
        raise KeyboardInterrupt
    assert sorted(os.listdir(tmp_path)) == ["old", "other"]
    with new_files([new]):
        new.write_text("3")
    assert new.exists()


def test_a_read_only_file_system_is_our_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There even deleting what is not there fails."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr("dali_ssd.util.files.open", refuse, raising=False)
    with pytest.raises(DaliSsdError, match="Read-only file system") as caught, atomic_open(tmp_path / "a.idx"):
        pass
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == errno.EROFS


def test_only_what_nobody_writes_any_more_is_a_leftover(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    names = [f".run_1.{process}-0123abcd.tmp.ckpt" for process in (ended.pid, os.getpid(), os.getppid(), 10**30)]
    others = [".other.1-0123abcd.tmp.ckpt", "run_1.ckpt", ".run_1.tmp.ckpt"]
    for name in names + others:
        (tmp_path / name).touch()
    folder = tmp_path / f".run.{ended.pid}-89abcdef.tmp"
    folder.mkdir()
    (folder / "part").touch()
    remove_leftovers(tmp_path, "run")
    assert {path.name for path in tmp_path.iterdir()} == {names[2], *others}


def test_a_folder_is_locked_by_one_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(DaliSsdError, match="another process is writing to"), locked(tmp_path):
        raise AssertionError
    with locked(tmp_path):
        pass


def test_a_file_to_lock_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with locked(path) as held, pytest.raises(DaliSsdError, match="another process is writing to"), locked(path):
        raise AssertionError
    assert held and path.is_file()


def test_who_waits_for_a_locked_folder_says_so_once(tmp_path: Path) -> None:
    order: list[str] = []

    def say() -> None:
        order.append("waits")
        told.set()

    def second() -> None:
        with locked(tmp_path, waiting=say):
            order.append("second")

    told = threading.Event()
    thread = threading.Thread(target=second)
    with locked(tmp_path):
        thread.start()
        assert told.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["waits", "first", "second"]
    second()
    assert order[3:] == ["second"]
