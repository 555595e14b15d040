"""A short soak: it passes, a signal ends it with a report, and leaks or bad records make it fail."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.bench.soak.__main__ import main
from dali_ssd.loader import TrainLoader

pytest.importorskip("mxnet")

pytestmark = pytest.mark.slow

SHORT = "--batches 40 --batch-size 2 --records 60 --copies 1 --train-every 20 --score-every 0 --sample-every 2"
LIMITS = "--max-memory 3000 --max-files 1 --settling 10"
"""MB and files for every 1,000 batches: a process that has just begun still grows."""


def soak(out: Path, *options: str) -> tuple[int, str]:
    code = main([*SHORT.split(), *LIMITS.split(), "--out", str(out), *options])
    return code, out.read_text(encoding="utf-8")


def each_batch(patch: pytest.MonkeyPatch, then: Callable[[int], object]) -> None:
    """Call a function with the batch's number whenever the loader has made a batch."""
    plain, count = TrainLoader._next, iter(range(1_000_000))

    def also(loader: TrainLoader) -> Any:
        then(next(count))
        return plain(loader)

    patch.setattr(TrainLoader, "_next", also)


def test_short_soak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = soak(tmp_path / "soak.md", "--score-every", "30")
    assert code == 0, report
    assert "**All is well.**" in report
    assert "| batches | 40 of 40, 2 images of 128 px each |" in report
    assert "16, of which 0 were delivered" in report
    assert "| scorings | 1, " in report
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")
    assert "all is well" in capsys.readouterr().out


def test_soak_that_is_too_short_says_that_growth_was_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = soak(tmp_path / "soak.md", "--train-every", "0", "--settling", "1000")
    assert code == 0, report
    assert "**All is well, but growth is not measured in fewer than 2,000 batches" in report
    assert "all is well, but growth is not measured" in capsys.readouterr().out


def test_leak_of_memory_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bytes] = []
    each_batch(monkeypatch, lambda _: held.append(b"\1" * 10_000_000))
    code, report = soak(tmp_path / "soak.md", "--train-every", "0")
    assert code == 1
    assert "- memory grew by" in report


def test_leak_of_files_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    each_batch(monkeypatch, lambda _: held.append(os.open(os.devnull, os.O_RDONLY)))
    code, report = soak(tmp_path / "soak.md", "--train-every", "0")
    for descriptor in held:
        os.close(descriptor)
    assert code == 1
    assert "- open files grew by" in report


def test_signal_ends_it_with_a_report_of_what_was_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    each_batch(monkeypatch, lambda number: os.kill(os.getpid(), signal.SIGINT) if number == 9 else None)
    code, report = soak(tmp_path / "soak.md")
    assert code == 130
    assert "- it ended early: SIGINT" in report
    assert "| batches | 9 of 40," in report
