"""The page of a training run, kept up to date while it trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path

from dali_ssd.pages.page import Section, write_page
from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.log import Event
from dali_ssd.reporting.machine import machine_section
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.views.facts import RunFacts, command_line
from dali_ssd.reporting.views.gallery import Seen
from dali_ssd.reporting.views.kept import Kept, read_kept
from dali_ssd.reporting.views.layout import Content, lay_out
from dali_ssd.reporting.views.view import Status

__all__ = ["PageView", "report_path"]


class PageView:
    """Writes `PREFIX_report.html` when a run begins and ends and after its epochs.

    After an epoch it is left out if the last time was so short ago that writing takes more than `MOST_SHARE` of the
    time: epochs of seconds need no page each. What it shows beside the history is kept in `PREFIX_report.json`.

    Args:
        prefix: of the names of the files.
        run: what stays the same.
        events: those of the run's log, which grow while it trains.
        clock: returns seconds.
    """

    name = "the training report"
    MOST_SHARE = 0.05

    def __init__(
        self, prefix: str, run: RunFacts, events: Sequence[Event], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.path, self._side = report_path(prefix), Path(f"{prefix}_report.json")
        self._run, self._events, self._clock = run, events, clock
        self._kept = Kept()
        self._seen: tuple[int, Seen] | None = None
        self._next = 0.0

    def begin(self, entries: Sequence[Entry], at: TrainProgress) -> None:
        """Write the page, with what earlier processes of a resumed run have kept."""
        if at.step:
            self._kept = self._of_earlier_processes()
            self._kept.forget_from(at.epoch)
        self._write(entries, Status("running"))

    def step(self, entry: Entry) -> None:
        """Do nothing: a page shows epochs."""

    def epoch(self, entries: Sequence[Entry], seen: Seen | None) -> None:
        """Take the pictures of an epoch, and write the page if it is time for it."""
        if seen is not None:
            epoch = int(entries[-1]["epoch"])
            self._seen = epoch, seen
            self._kept.add(epoch, seen.samples)
        if self._clock() >= self._next:
            self._write(entries, Status("running"))

    def end(self, entries: Sequence[Entry], status: Status) -> None:
        """Write the page for the last time."""
        self._write(entries, status)

    @cached_property
    def _machine(self) -> Section:
        return machine_section()

    def _of_earlier_processes(self) -> Kept:
        try:
            kept = read_kept(self._side)
        except FileNotFoundError:
            return Kept()
        except (OSError, ValueError) as error:
            now = Event(time.time(), "warning", f"{self._side} cannot be read, earlier pictures are lost: {error}")
            return Kept(events=[now])
        if kept.running:
            last = datetime.fromtimestamp(kept.written).astimezone().strftime("%Y-%m-%d %H:%M:%S")
            text = f"The process before was killed, or its machine went down, after {last}"
            kept.events.append(Event(time.time(), "warning", text))
        return kept

    def _write(self, entries: Sequence[Entry], status: Status) -> None:
        began = self._clock()
        if self._seen is not None:
            (epoch, seen), self._seen = self._seen, None  # an error, if there is one, must not come again each time
            self._kept.best, self._kept.worst = seen.extremes
            self._kept.judged_epoch = epoch
        self._kept.running, self._kept.written = status.kind == "running", time.time()
        self._kept.write(self._side, self._events)
        epochs = [entry for entry in entries if entry.get("kind") == "epoch"]
        content = Content(
            self._run, status, epochs, self._kept, self._kept.all(self._events), self._machine, command_line()
        )
        write_page(self.path, lay_out(content))
        ended = self._clock()
        self._next = ended + (ended - began) / self.MOST_SHARE


def report_path(prefix: str) -> Path:
    """Return the file of the page."""
    return Path(f"{prefix}_report.html")
