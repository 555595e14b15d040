from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from dali_ssd.metrics.detections import Detections
from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.views.gallery import Gallery, Seen
from dali_ssd.reporting.views.view import Status, Views


class Recorder:
    """A view that remembers what it was told, and fails if asked to."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name, self.error = name, error
        self.told: list[tuple[str, Any]] = []

    def _take(self, what: str, value: Any) -> None:
        self.told.append((what, value))
        if self.error is not None:
            raise self.error

    def begin(self, entries: Sequence[Entry], at: TrainProgress) -> None:
        self._take("begin", at.step)

    def step(self, entry: Entry) -> None:
        self._take("step", entry["step"])

    def epoch(self, entries: Sequence[Entry], seen: Seen | None) -> None:
        self._take("epoch", seen)

    def end(self, entries: Sequence[Entry], status: Status) -> None:
        self._take("end", status.kind)


def tell_all(views: Views, found: Sequence[Detections]) -> None:
    views.begin([], TrainProgress(step=3))
    views.step({"kind": "step", "step": 4})
    views.epoch([{"kind": "epoch"}], found)
    views.epoch([{"kind": "epoch"}], ())
    views.end([], Status("ended"))


def test_a_view_that_fails_is_named_once_and_stops_nobody(
    caplog: pytest.LogCaptureFixture, found: list[Detections], gallery: Gallery
) -> None:
    bad, good = Recorder("the bad one", OSError(28, "No space left on device")), Recorder("the good one")
    with caplog.at_level(logging.WARNING, "dali_ssd"):
        tell_all(Views([bad, good], gallery), found)
    assert caplog.messages == ["cannot write the bad one, training goes on without: [Errno 28] No space left on device"]
    assert [what for what, _ in bad.told] == [what for what, _ in good.told]
    assert [what for what, _ in good.told] == ["begin", "step", "epoch", "epoch", "end"]
    assert isinstance(good.told[2][1], Seen) and good.told[3][1] is None


def test_without_a_gallery_nothing_is_drawn(found: list[Detections]) -> None:
    view = Recorder("x")
    tell_all(Views([view]), found)
    assert view.told[2] == ("epoch", None)


def test_images_that_are_not_the_records_are_not_drawn(
    caplog: pytest.LogCaptureFixture, found: list[Detections], gallery: Gallery
) -> None:
    view = Recorder("x")
    views = Views([view], gallery)
    with caplog.at_level(logging.WARNING, "dali_ssd"):
        views.epoch([], found[1:])
        views.epoch([], found[1:])
    assert [seen for _, seen in view.told] == [None, None]
    assert len(caplog.messages) == 1 and "8 images were scored of 9 records" in caplog.messages[0]


def test_an_error_without_words_has_its_name(caplog: pytest.LogCaptureFixture, epoch: Callable[..., Entry]) -> None:
    Views([Recorder("x", KeyError())]).step(epoch(0))
    assert caplog.messages == ["cannot write x, training goes on without: KeyError()"]
