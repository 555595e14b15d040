from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dali_ssd.errors import DaliSsdError
from dali_ssd.metrics.detections import Detections
from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.log import Event
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.views.facts import Option, RunFacts
from dali_ssd.reporting.views.gallery import Gallery, Seen
from dali_ssd.reporting.views.page import PageView, report_path
from dali_ssd.reporting.views.view import Status, Views
from tests.support.full_disk import full_disk

RELOADS = '<meta http-equiv="refresh"'


def page_of(prefix: str) -> str:
    return report_path(prefix).read_text(encoding="utf-8")


def sections(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.*?)</h2>", page)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0  # what everything takes
        return self.now


def test_a_run_from_its_begin_to_its_end(
    prefix: str, run: RunFacts, gallery: Gallery, found: list[Detections], epoch: Callable[..., Entry]
) -> None:
    events = [Event(0.0, "warning", "3 bad records left out")]
    view = PageView(prefix, run, events)
    view.begin([], TrainProgress())
    page = page_of(prefix)
    assert "Running: 0 of 5 epochs done" in page and RELOADS in page
    assert sections(page) == ["Curves", "Events", "Configuration", "Machine and versions"]
    assert "3 bad records left out" in page
    entries = [epoch(0)]
    view._next = 0.0
    view.epoch(entries, Seen(gallery, found))
    page = page_of(prefix)
    assert "Running: 1 of 5 epochs done" in page
    assert sections(page)[:4] == ["Curves", "Classes", "Samples", "Best and worst images"]
    assert "epoch 1: 1 of 2 found, 0 wrong" in page
    view.end(entries, Status("stopped", "SIGINT: saved x.ckpt"))
    page = page_of(prefix)
    assert "Stopped by a signal: 1 of 5 epochs done" in page and "saved x.ckpt" in page
    assert RELOADS not in page and "http://www" not in page.replace("http://www.w3.org", "")


def test_epochs_of_no_time_have_no_page_each(
    prefix: str, run: RunFacts, epoch: Callable[..., Entry], gallery: Gallery, found: list[Detections]
) -> None:
    clock = Clock()
    view = PageView(prefix, run, [], clock)
    view.begin([], TrainProgress())  # takes a second, so nothing is due for 20
    view.epoch([epoch(0)], Seen(gallery, found))
    assert "Running: 0 of 5" in page_of(prefix)
    clock.now += 20
    view.epoch([epoch(0), epoch(1)], None)
    page = page_of(prefix)
    assert "Running: 2 of 5" in page
    # What was seen in an epoch without a page is in the next.
    assert "epoch 1: 1 of 2 found, 0 wrong" in page and "After epoch 1, by F1 score" in page
    view.epoch([epoch(number) for number in range(3)], None)
    view.end([epoch(number) for number in range(3)], Status("ended"))
    assert "Ended: 3 of 5" in page_of(prefix)


def test_a_resumed_run_goes_on_with_its_page(
    prefix: str, run: RunFacts, gallery: Gallery, found: list[Detections], epoch: Callable[..., Entry]
) -> None:
    first = PageView(prefix, run, [Event(0.0, "info", "the first process")])
    first.begin([], TrainProgress())
    for number in range(3):
        first._next = 0.0
        first.epoch([epoch(one) for one in range(number + 1)], Seen(gallery, found))
    # It is killed, and the checkpoint is of epoch 2, which is trained again.
    second = PageView(prefix, run, [Event(0.0, "info", "Going on")])
    second.begin([epoch(0), epoch(1)], TrainProgress(epoch=2, step=25))
    page = page_of(prefix)
    assert "the first process" in page and "Going on" in page and "was killed" in page
    assert "epoch 2: " in page and "epoch 3: " not in page
    second.end([epoch(0), epoch(1)], Status("ended"))
    third = PageView(prefix, run, [])
    third.begin([epoch(0), epoch(1)], TrainProgress(epoch=2, step=25))
    assert page_of(prefix).count("was killed, or its machine") == 1
    # A new run of the same name begins anew.
    PageView(prefix, run, []).begin([], TrainProgress())
    assert "the first process" not in page_of(prefix)


@pytest.mark.parametrize("content", [None, b"", b'{"format": 1, "samples": 7}'])
def test_what_is_kept_may_be_missing_or_damaged(
    prefix: str, run: RunFacts, content: bytes | None, epoch: Callable[..., Entry]
) -> None:
    side = Path(f"{prefix}_report.json")
    if content is not None:
        side.write_bytes(content)
    view = PageView(prefix, run, [])
    view.begin([epoch(0)], TrainProgress(epoch=1, step=10))
    page = page_of(prefix)
    assert "Running: 1 of 5" in page
    assert ("earlier pictures are lost" in page) == (content is not None)
    assert json.loads(side.read_text())["format"] == 1


def test_all_that_is_written_is_escaped(prefix: str, run: RunFacts, epoch: Callable[..., Entry]) -> None:
    evil = '"><script>alert(1)</script>'
    options = (Option("--train", evil, "", True),)
    view = PageView(prefix, replace(run, name=evil, classes=(evil,), options=options), [Event(0.0, "error", evil)])
    view.begin([], TrainProgress())
    view.end([epoch(0, ap={evil: 0.5})], Status("failed", evil))
    page = page_of(prefix)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 5


def test_options_that_differ_are_marked(prefix: str, run: RunFacts) -> None:
    options = (Option("--lr", "0.1", "0.001", True), Option("--wd", "0.0005", "0.0005", False))
    PageView(prefix, replace(run, options=options), []).begin([], TrainProgress())
    page = page_of(prefix)
    assert page.count("--lr") == 2 and page.count("--wd") == 1
    assert page.count(">changed<") == 1


def test_a_class_that_was_never_found_has_no_best_epoch(
    prefix: str, run: RunFacts, epoch: Callable[..., Entry]
) -> None:
    scores: dict[str, float | None] = {"circle": 0.0, "square": 0.5, "triangle": None}
    PageView(prefix, run, []).begin([epoch(0, ap=scores), epoch(1, ap=scores | {"square": 0.25})], TrainProgress())
    cells = re.findall(
        r"<td[^>]*>(.*?)</td>", page_of(prefix).partition("after epoch</th>")[2].partition("</table>")[0]
    )
    assert [cells[4 * row : 4 * row + 4] for row in range(3)] == [
        ["circle", "0.00", "0.00", "-"],
        ["square", "0.250", "0.500", "1"],
        ["triangle", "-", "-", "-"],
    ]


def test_a_starved_run_gets_advice(prefix: str, run: RunFacts, epoch: Callable[..., Entry]) -> None:
    view = PageView(prefix, run, [])
    view.begin([epoch(0, data_share=0.05)], TrainProgress())
    assert "The data is the bottleneck" not in page_of(prefix)
    view.end([epoch(0, data_share=0.31)], Status("ended"))
    assert "The data is the bottleneck: 31% of the last epoch" in page_of(prefix)


def test_numbers_that_are_not_known(prefix: str, run: RunFacts, epoch: Callable[..., Entry]) -> None:
    """Losses that are not finite, a class without objects, and entries of an older version."""
    bare = {"kind": "epoch", "epoch": 0, "step": 1, "lr": 0.1, "cross_entropy": None, "smooth_l1": None}
    view = PageView(prefix, run, [])
    view.begin([bare, epoch(1, map=None, ap={name: None for name in run.classes})], TrainProgress())
    assert "Running: 2 of 5" in page_of(prefix)
    view.end([bare], Status("failed", "the loss is not finite"))
    assert "Failed: 1 of 5" in page_of(prefix)


def test_a_page_of_many_epochs_and_classes_is_small(
    prefix: str, run: RunFacts, gallery: Gallery, found: list[Detections], epoch: Callable[..., Entry]
) -> None:
    classes = tuple(f"class {number}" for number in range(80))
    view = PageView(prefix, replace(run, classes=classes, epochs=240), [Event(0.0, "info", "x" * 200)] * 500)
    entries = []
    for number in range(240):
        entries.append(epoch(number, ap={name: number / 240 for name in classes}))
        view._next = float("inf")
        view.epoch(entries, Seen(gallery, found))
    view.end(entries, Status("ended"))
    assert report_path(prefix).stat().st_size < 3e6
    assert Path(f"{prefix}_report.json").stat().st_size < 3e6
    assert "epoch 240: " in page_of(prefix) and "epoch 1: " in page_of(prefix)


def test_pictures_that_fail_are_lost_and_the_page_is_not(
    prefix: str, run: RunFacts, gallery: Gallery, found: list[Detections], epoch: Callable[..., Entry],
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Whatever the error: those of records that cannot be read are the gallery's."""

    def fail(seen: Seen) -> None:
        raise MemoryError

    view = PageView(prefix, run, [])
    views = Views([view], gallery)
    views.begin([], TrainProgress())
    with monkeypatch.context() as broken:
        broken.setattr(Seen, "extremes", property(fail))
        view._next = 0.0
        views.epoch([epoch(0)], found)
        view._next = 0.0
        views.epoch([epoch(0), epoch(1)], ())
        assert "Running: 2 of 5 epochs done" in page_of(prefix)
    views.epoch([epoch(number) for number in range(3)], found)
    views.end([epoch(number) for number in range(3)], Status("ended"))
    page = page_of(prefix)
    assert "Ended: 3 of 5 epochs done" in page and "After epoch 3, by F1 score" in page
    assert len(caplog.messages) == 1


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path, run: RunFacts) -> None:
    with pytest.raises(DaliSsdError, match="cannot write"):
        PageView(str(tmp_path / "no" / "ssd"), run, []).begin([], TrainProgress())


def test_a_full_disk_leaves_the_page_that_was(
    prefix: str, run: RunFacts, epoch: Callable[..., Entry], caplog: pytest.LogCaptureFixture
) -> None:
    views = Views([PageView(prefix, run, [])])
    views.begin([epoch(0)], TrainProgress())
    before = page_of(prefix)
    with full_disk(500):
        views.end([epoch(0)], Status("ended"))
        views.end([epoch(0)], Status("ended"))
    assert len(caplog.messages) == 1 and "cannot write the training report, training goes on" in caplog.messages[0]
    assert page_of(prefix) == before
    views.end([epoch(0)], Status("ended"))
    assert "Ended" in page_of(prefix)
