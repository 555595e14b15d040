"""Progress on a terminal and without one."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest

from dali_ssd.util.progress import Progress, track


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def pass_seconds(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stop the clock that the lines go by; the function moves it."""
    now = [100.0]
    monkeypatch.setattr("dali_ssd.util.progress.time.monotonic", lambda: now[0])

    def pass_seconds(seconds: float) -> None:
        now[0] += seconds

    return pass_seconds


def test_track_yields_everything_in_order_and_ends_with_the_sum() -> None:
    out = io.StringIO()
    assert list(track([3, 1, 2], "packing", stream=out)) == [3, 1, 2]
    assert out.getvalue() == "packing: 3/3 (100%) in 0 s\n"


def test_track_takes_what_has_no_length() -> None:
    out = io.StringIO()
    assert list(track(iter("ab"), "reading", stream=out)) == ["a", "b"]
    assert out.getvalue() == "reading: 2 in 0 s\n"


def test_track_of_nothing_says_nothing() -> None:
    out = io.StringIO()
    assert list(track([], "packing", stream=out)) == []
    assert out.getvalue() == ""


def test_quick_work_writes_one_line() -> None:
    out = io.StringIO()
    for _ in track(range(1000), "packing", stream=out):
        pass
    assert out.getvalue().splitlines() == ["packing: 1000/1000 (100%) in 0 s"]


def test_a_line_for_each_tenth_but_not_more_than_one_a_second(pass_seconds: Callable[[float], None]) -> None:
    out = io.StringIO()
    for _ in track(range(100), "packing", stream=out):
        pass_seconds(0.2)
    lines = out.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[:2] == ["packing: 10/100 (10%) in 2 s", "packing: 20/100 (20%) in 4 s"]
    assert lines[-1] == "packing: 100/100 (100%) in 20 s"


def test_slow_work_writes_a_line_every_ten_seconds(pass_seconds: Callable[[float], None]) -> None:
    out = io.StringIO()
    for _ in track(iter(range(7)), "scoring", stream=out):
        pass_seconds(5)
    assert out.getvalue().splitlines() == [f"scoring: {n} in {5 * n} s" for n in (2, 4, 6, 7)]


def test_unfinished_work_says_how_far_it_got() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("disk full")

    out = io.StringIO()
    with pytest.raises(OSError, match="disk full"):
        list(track(broken(), "packing", total=4, stream=out))
    assert out.getvalue() == "packing: 1/4 (25%) in 0 s\n"


def test_log_writes_a_line_between() -> None:
    out = io.StringIO()
    with Progress("training", 2, stream=out) as bar:
        bar.advance()
        bar.log("epoch [0] done")
        bar.advance()
    assert out.getvalue().splitlines() == ["epoch [0] done", "training: 2/2 (100%) in 0 s"]
    assert bar.done == 2


def test_default_stream_is_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    list(track([1], "packing"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "packing: 1/1 (100%) in 0 s\n"


def test_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with Progress("packing [a]", 4, stream=out) as bar:
        bar.advance(4)
        bar.log("a line [b] above the bar")
    text = out.getvalue()
    assert "packing [a]" in text
    assert "4/4" in text
    assert "a line [b] above the bar" in text
    assert "\x1b[" in text


def test_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    list(track([1], "packing", stream=out))
    assert out.getvalue() == "packing: 1/1 (100%) in 0 s\n"


def test_counting_outside_the_context_shows_nothing() -> None:
    out = io.StringIO()
    bar = Progress("packing", 1, stream=out)
    bar.advance()
    bar.log("unseen")
    assert (bar.done, out.getvalue()) == (1, "")
