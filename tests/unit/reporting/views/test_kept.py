from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.pages.elements import Picture
from dali_ssd.reporting.log import Event
from dali_ssd.reporting.views.kept import EPOCHS, Kept, read_kept, thinned

PICTURE = Picture("data:image/jpeg;base64,AAAA", 2, 3, "alt", "caption")


def filled() -> Kept:
    kept = Kept(best=[PICTURE], worst=[], judged_epoch=3, running=True, written=12.5)
    kept.add(0, {"a": PICTURE})
    kept.add(3, {"a": PICTURE, "b": PICTURE})
    return kept


def test_it_comes_back_with_the_events_of_this_process(tmp_path: Path) -> None:
    kept = filled()
    event = Event(1.0, "warning", "éè <b>")
    kept.write(tmp_path / "k.json", [event])
    back = read_kept(tmp_path / "k.json")
    assert back.events == [event]
    assert (back.samples, back.best, back.worst) == (kept.samples, kept.best, kept.worst)
    assert (back.judged_epoch, back.running, back.written) == (3, True, 12.5)
    assert kept.events == []


def test_epochs_that_will_be_repeated_are_forgotten() -> None:
    kept = filled()
    kept.forget_from(4)
    assert list(kept.samples) == [0, 3] and kept.best
    kept.forget_from(3)
    assert list(kept.samples) == [0]
    assert (kept.best, kept.worst, kept.judged_epoch) == ([], [], None)


def test_of_too_many_events_the_middle_is_left_out() -> None:
    events = [Event(float(number), "info", "") for number in range(1000)]
    kept = Kept(events=events[:900]).all(events[900:])
    assert len(kept) == 300
    assert (kept[0].time, kept[149].time, kept[150].time, kept[-1].time) == (0, 149, 850, 999)


@given(st.integers(1, 300), st.integers(1, 7))
def test_kept_epochs_are_spread_over_the_run(count: int, interval: int) -> None:
    kept = Kept()
    epochs = range(0, count * interval, interval)
    for epoch in epochs:
        kept.add(epoch, {})
    there = list(kept.samples)
    assert len(there) == min(count, EPOCHS)
    assert (there[0], there[-1]) == (0, epochs[-1])
    gaps = [after - before for before, after in pairwise(there)]
    assert max(gaps, default=0) <= max(interval, 0.55 * epochs[-1])


def test_thinning_drops_what_is_closest() -> None:
    assert thinned([0, 1, 10, 20], 3) == [0, 10, 20]
    assert thinned([5], 2) == [5]
    assert thinned([], 2) == []


def damaged(**changes: Any) -> bytes:
    content = {"format": 1, "samples": {}, "best": [], "worst": [], "judged_epoch": None, "events": []}
    return json.dumps(content | {"running": False, "written": 0} | changes).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"format": 1}',
        damaged(format=2),
        damaged(samples=[]),
        damaged(samples={"x": {}}),
        damaged(samples={"1": {"a": {"uri": "http://a.b/c.jpg", "width": 1, "height": 1, "alt": "", "caption": ""}}}),
        damaged(best=[{}]),
        damaged(best=None),
        damaged(events=[1]),
        damaged(events=[{"time": "x", "level": "info", "text": ""}]),
        damaged(written="x"),
    ],
)
def test_damage_is_one_kind_of_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "k.json").write_bytes(content)
    with pytest.raises(ValueError):
        read_kept(tmp_path / "k.json")


def test_whole_files_pass(tmp_path: Path) -> None:
    (tmp_path / "k.json").write_bytes(damaged())
    assert read_kept(tmp_path / "k.json") == Kept()
