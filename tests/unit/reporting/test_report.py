"""What a report says, adds to the history and tells the views, from numbers that are all different."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from dali_ssd.loader.placement import Placement
from dali_ssd.reporting.history import Entry, History
from dali_ssd.reporting.log import TrainLog
from dali_ssd.reporting.meter import LossMeter, TimeShare
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.report import Report, curve_path
from dali_ssd.reporting.views.gallery import Seen
from dali_ssd.reporting.views.view import Status, Views
from tests.support.score import Score

AT = TrainProgress(epoch=4, batch=20, step=100)
METER = LossMeter(cross_entropy=60.0, smooth_l1=10.0, steps=20)
FAST = TimeShare(total=8.0, waits=0.4, steps=20, images=640)
STARVED = TimeShare(total=8.0, waits=2.0, steps=20, images=640)
NUMBERS = {"epoch": 4, "step": 100, "lr": 0.25, "cross_entropy": 3.0, "smooth_l1": 0.5, "speed": 80.0}


class Told:
    """A view that remembers what it was told."""

    name = "what was told"

    def __init__(self) -> None:
        self.told: list[Any] = []

    def begin(self, entries: Sequence[Entry], at: TrainProgress) -> None:
        self.told.append(("begin", len(entries), at.step))

    def step(self, entry: Entry) -> None:
        self.told.append(("step", entry["kind"]))

    def epoch(self, entries: Sequence[Entry], seen: Seen | None) -> None:
        self.told.append(("epoch", entries[-1]["kind"]))

    def end(self, entries: Sequence[Entry], status: Status) -> None:
        self.told.append(("end", status.kind, status.text))


@pytest.fixture
def log() -> Iterator[TrainLog]:
    with TrainLog() as log:
        yield log


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_step(log: TrainLog, capsys: pytest.CaptureFixture[str]) -> None:
    """The line is that of GluonCV, which counts batches from 0."""
    view, history = Told(), History()
    Report(log, None, views=Views([view])).step(AT, 0.25, METER, FAST, history)
    assert lines(capsys) == ["[Epoch 4][Batch 19], Speed: 80.000 samples/sec, CrossEntropy=3.000, SmoothL1=0.500"]
    assert history.entries == [{"kind": "step", **NUMBERS, "data_share": 0.05, "batch": 20}]
    assert view.told == [("step", "step")] and log.events == []


@pytest.mark.parametrize("share", [FAST, STARVED])
def test_the_cost_of_an_epoch(log: TrainLog, capsys: pytest.CaptureFixture[str], share: TimeShare) -> None:
    Report(log, None).epoch_cost(AT, 12.5, METER, share)
    cost, *more = lines(capsys)
    assert cost == "[Epoch 4] Training cost: 12.500, CrossEntropy=3.000, SmoothL1=0.500"
    said = "[Epoch 4] The data is the bottleneck: 25% of the time was spent waiting for batches; give the loader more"
    assert [line.startswith(said) for line in more] == ([True] if share is STARVED else [])


@pytest.mark.parametrize("scored", [False, True])
def test_an_epoch(log: TrainLog, tmp_path: Path, scored: bool, capsys: pytest.CaptureFixture[str]) -> None:
    view, history, score = Told(), History(), Score(0.75)
    report = Report(log, str(tmp_path / "ssd"), views=Views([view]))
    report.scores(AT, score)
    report.epoch(AT, 0.25, 12.5, METER, FAST, score if scored else None, history)
    assert lines(capsys) == ["[Epoch 4] Validation: ", *score.lines()]
    numbers = {"kind": "epoch", **NUMBERS, "data_share": 0.05, "seconds": 12.5} | (score.numbers() if scored else {})
    assert history.entries == [numbers] and view.told == [("epoch", "epoch")]
    assert [path.name for path in tmp_path.iterdir()] == ["ssd_curve.png"]
    assert curve_path(str(tmp_path / "ssd")) == tmp_path / "ssd_curve.png"


def test_what_runs_where(log: TrainLog, capsys: pytest.CaptureFixture[str]) -> None:
    history = History()
    Report(log, None).placement(Placement("nvJPEG", "plugin", "host"), history)
    assert lines(capsys) == ["Loading: decode: nvJPEG, render: plugin, targets: host"]
    assert history.entries == [{"kind": "placement", "decode": "nvJPEG", "render": "plugin", "targets": "host"}]


def test_stops_and_failures_are_events_and_other_lines_are_not(log: TrainLog) -> None:
    report = Report(log, None)
    report.say("a line")
    report.tell("going on from %s", "a.ckpt")
    report.failed(2, "out of memory")
    report.stopped("SIGTERM", AT, Path("b.ckpt"))
    report.stopped(None, AT, None)
    report.ended(AT, Path("c.ckpt"), "")
    report.ended(AT, None, "inside a step")
    report.ended(AT, None, "")
    assert [event.text for event in log.events] == [
        "going on from a.ckpt",
        "Process 2 failed: out of memory",
        "SIGTERM: stopped after step 100; saved b.ckpt; go on with --resume b.ckpt",
        "A signal in another process: stopped after step 100; nothing was saved",
        "Stopped after step 100; saved c.ckpt; go on with --resume c.ckpt",
        "Stopped after step 100; nothing was saved (inside a step); go on from the last checkpoint",
        "Stopped after step 100; nothing was saved; go on from the last checkpoint",
    ]


def test_other_processes_are_silent(log: TrainLog, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(log, None, silent=True)
    report.say("a line")
    report.stopped("SIGTERM", AT, None)
    assert lines(capsys) == [] and log.events == []


def test_views_are_told_how_a_run_ends(log: TrainLog) -> None:
    """By itself, by what was reported, or by an error: then both are told."""
    view, history = Told(), History()
    history.add("epoch")

    def report() -> Report:
        return Report(log, None, views=Views([view]))

    with report().shown(AT, history):
        pass
    stopped = report()
    with stopped.shown(AT, history):
        stopped.stopped("SIGINT", AT, None)
    with pytest.raises(ValueError), report().shown(AT, history):
        raise ValueError("a bad record")
    with pytest.raises(KeyError), report().shown(AT, history):
        raise KeyError
    saved = report()
    with pytest.raises(ValueError), saved.shown(AT, history):
        saved.ended(AT, Path("a.ckpt"), "")
        raise ValueError("a bad record")
    left = "Stopped after step 100; saved a.ckpt; go on with --resume a.ckpt"
    begin = ("begin", 1, 100)
    assert view.told == [
        begin, ("end", "ended", ""),
        begin, ("end", "stopped", "SIGINT: stopped after step 100; nothing was saved"),
        begin, ("end", "failed", "a bad record"),
        begin, ("end", "failed", "KeyError()"),
        begin, ("end", "failed", f"a bad record\n\n{left}"),
    ]  # fmt: skip
