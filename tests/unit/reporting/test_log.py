from __future__ import annotations

import logging
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.errors import DaliSsdError
from dali_ssd.reporting.log import EVENT, Event, TrainLog

PACKAGE = logging.getLogger("dali_ssd")


def test_lines_are_on_stderr_and_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of all modules of the package, while the run lasts."""
    with TrainLog(tmp_path / "new" / "train.log") as log:
        log.logger.info("step %d", 3)
        logging.getLogger("dali_ssd.records").warning("a bad record")
    log.logger.info("after the run")
    assert capsys.readouterr().err == "step 3\na bad record\n"
    assert (tmp_path / "new" / "train.log").read_text() == "step 3\na bad record\n"


def test_quiet_is_for_the_console_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with TrainLog(tmp_path / "train.log", quiet=True) as log:
        log.logger.warning("a line")
    assert capsys.readouterr() == ("", "") and (tmp_path / "train.log").read_text() == "a line\n"


def test_events_are_warnings_and_what_is_marked() -> None:
    before = time.time()
    with TrainLog(quiet=True) as log:
        log.logger.info("step 1")
        log.logger.info("going on from %s", "a.ckpt", extra=EVENT)
        logging.getLogger("dali_ssd.records").warning("%d bad records", 2)
        log.logger.error("no space")
    assert [(one.level, one.text) for one in log.events] == [
        ("info", "going on from a.ckpt"),
        ("warning", "2 bad records"),
        ("error", "no space"),
    ]
    assert before <= log.events[0].time <= log.events[2].time <= time.time()


def test_of_very_many_events_the_first_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dali_ssd.reporting.log._MOST_EVENTS", 3)
    with TrainLog(quiet=True) as log:
        for number in range(5):
            log.logger.warning("%d", number)
    assert [one.text for one in log.events] == ["0", "1", "2"] and isinstance(log.events[0], Event)


def test_a_root_logger_shows_no_line_twice(caplog: pytest.LogCaptureFixture) -> None:
    """Only while the run's own log shows them: before and after, the package logs as all others do."""
    with caplog.at_level(logging.INFO):
        PACKAGE.warning("before")
        with TrainLog(quiet=True) as log:
            log.logger.warning("during")
        PACKAGE.warning("after")
    assert caplog.messages == ["before", "after"]


def test_the_package_is_left_as_it_was_after_an_error(tmp_path: Path) -> None:
    handlers = list(PACKAGE.handlers)
    log = TrainLog(tmp_path / "train.log")
    with pytest.raises(KeyError), log:
        raise KeyError
    assert PACKAGE.handlers == handlers and PACKAGE.propagate
    with TrainLog(tmp_path / "train.log"):  # the file is not locked any more, though the first log is still there
        pass


def test_a_file_that_another_run_writes_is_refused(tmp_path: Path) -> None:
    with TrainLog(tmp_path / "train.log"), pytest.raises(DaliSsdError, match="another process is writing to"):
        TrainLog(tmp_path / "train.log")
    (tmp_path / "file").touch()
    with pytest.raises(DaliSsdError, match=r"cannot write .*train.log: .*; choose another --save-prefix"):
        TrainLog(tmp_path / "file" / "train.log")


@pytest.mark.parametrize("terminal", [False, True])
def test_lines_are_above_the_bar_of_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    above: list[str] = []

    class Bar(nullcontext[None]):
        def __init__(self, *_: Any) -> None:
            super().__init__()

        def log(self, line: str) -> None:
            above.append(line)

    monkeypatch.setattr("dali_ssd.reporting.log.Progress", Bar)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    with TrainLog() as log:
        with log.progress("epoch 0", 2):
            log.logger.info("during")
        log.logger.info("after")
    assert (above, capsys.readouterr().err) == ((["during"], "after\n") if terminal else ([], "during\nafter\n"))


def test_a_terminal_that_is_gone_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)

    def gone(*args: Any, **options: Any) -> None:
        raise OSError(5, "Input/output error")

    with TrainLog(tmp_path / "train.log") as log:
        monkeypatch.setattr("builtins.print", gone)
        log.logger.info("a line")
    assert (tmp_path / "train.log").read_text() == "a line\n" and capsys.readouterr().err == ""
