"""Work that one process at a time does, and what is said where it cannot be so."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import sys
import threading
from pathlib import Path

import pytest

from dali_ssd.errors import DatasetError
from dali_ssd.util.turns import one_at_a_time


class Stream(io.StringIO):
    """A stream that tells when something is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


def test_the_second_waits_for_the_first_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)

    def second() -> None:
        with one_at_a_time(tmp_path, "counting sheep", ["a", "b"]):
            order.append("second")

    thread = threading.Thread(target=second)
    with one_at_a_time(tmp_path, "counting sheep", ["a", "b"]):
        thread.start()
        assert stream.written.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert stream.getvalue() == "another process is counting sheep: waiting for it\n"


@pytest.mark.parametrize(("work", "names"), [("counting sheep", ["a"]), ("counting goats", ["a", "b"])])
def test_other_work_and_other_things_need_no_waiting(tmp_path: Path, work: str, names: list[str]) -> None:
    with one_at_a_time(tmp_path, "counting sheep", ["a", "b"]), one_at_a_time(tmp_path, work, names):
        pass


def test_the_turn_of_an_error_ends(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), one_at_a_time(tmp_path, "dividing", []):
            raise ZeroDivisionError


def test_without_locks_all_work_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with one_at_a_time(tmp_path, "counting sheep", []), one_at_a_time(tmp_path, "counting sheep", []):
        pass
    said = f"{tmp_path / 'locks'} cannot be locked: processes that start at once are each counting sheep"
    assert caplog.messages == [said, said]


def test_a_cache_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(os, "open", refuse)
    message = r"cannot write .*/locks/\w+\.lock: Read-only file system; set DALI_SSD_CACHE to a folder you can write to"
    with pytest.raises(DatasetError, match=message), one_at_a_time(tmp_path, "counting sheep", []):
        raise AssertionError


def test_the_lock_of_another_user_can_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with one_at_a_time(tmp_path, "counting sheep", []):
        pass
    (lock,) = (tmp_path / "locks").iterdir()
    lock.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, _: path != lock)
    with one_at_a_time(tmp_path, "counting sheep", []):
        pass
