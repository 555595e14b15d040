"""The page of a training run: what stands where, and in which words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from dali_ssd.pages.elements import Charts, Element, Facts, Fold, Gallery, Note, Picture, Share, Stats, Table, Text
from dali_ssd.pages.page import Page, Section
from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.log import Event
from dali_ssd.reporting.meter import ADVICE, STARVED
from dali_ssd.reporting.views.curves import class_chart, curves, value_of
from dali_ssd.reporting.views.facts import RunFacts
from dali_ssd.reporting.views.kept import Kept
from dali_ssd.reporting.views.view import Status
from dali_ssd.util.words import counted
from dali_ssd.visualize.verdicts import LEGEND

__all__ = ["Content", "lay_out"]

_RELOAD_S = 30
_FEW_ROWS = 12
"""Most rows of a table that is not folded."""
_STATES: dict[str, tuple[str, Literal["info", "good", "warning", "error"], str]] = {
    "running": (
        "Running", "info",
        f"A browser reloads this page every {_RELOAD_S} seconds. If the time at its end is older than an epoch takes, "
        "the run was killed; continue it with `--resume auto`.",
    ),
    "ended": ("Ended", "good", ""),
    "stopped": ("Stopped by a signal", "warning", ""),
    "failed": ("Failed", "error", ""),
}  # fmt: skip
"""Word, look and text of each state."""
_COUNTING = "Epochs count from 1 here; in the log, in Events and in file names from 0."
_FROM = "Detections count from the score on at which F1 over all images was the best after the epoch."
_LEVELS = {"info": "", "warning": "warning", "error": "error", "critical": "error"}


@dataclass(frozen=True)
class Content:
    """All that the page of a run shows."""

    run: RunFacts
    status: Status
    epochs: Sequence[Entry]
    """The entries of finished epochs."""
    kept: Kept
    events: Sequence[Event]
    machine: Section
    command: str

    @property
    def scored(self) -> list[Entry]:
        """The epochs with the average precision of each class."""
        return [entry for entry in self.epochs if entry.get("ap")]


def lay_out(content: Content) -> Page:
    """Return the page of a run."""
    run, running = content.run, content.status.kind == "running"
    sections = [Section("Curves", _curves(content)), *_classes(content), *_samples(content), *_extremes(content)]
    sections += [*_events(content), _configuration(content), content.machine]
    images = [counted(run.images, "training image")] if run.images else []
    images += [counted(run.val_images, "validation image")] if run.val_images else ["no validation"]
    lead = f"{', '.join([*images, counted(len(run.classes), 'class')])}. {_COUNTING}"
    return Page(
        f"Training of {run.name}", sections, lead, [_state(content), *_stats(content)], content.command,
        reload_s=_RELOAD_S if running else 0,
    )  # fmt: skip


def _state(content: Content) -> Note:
    done = content.epochs[-1]["epoch"] + 1 if content.epochs else 0
    word, level, text = _STATES[content.status.kind]
    return Note(level, f"{word}: {done} of {counted(content.run.epochs, 'epoch')} done", content.status.text or text)


def _stats(content: Content) -> Iterator[Element]:
    if not content.epochs:
        return
    last = content.epochs[-1]
    waiting = value_of(last, "data_share")
    numbers = [
        (f"{value_of(last, 'cross_entropy'):.3g}", "cross entropy", "of the last epoch"),
        (f"{value_of(last, 'smooth_l1'):.3g}", "smooth L1", "of the last epoch"),
        (f"{value_of(last, 'speed'):,.0f}", "images/s", f"epoch of {_duration(value_of(last, 'seconds'))}"),
        (f"{waiting:.1%}", "waiting for data", "of the last epoch"),
    ]
    scored = [entry for entry in content.epochs if entry.get("map") is not None]
    if scored:
        best = max(scored, key=lambda entry: float(entry["map"]))
        words = f"VOC07, after epoch {best['epoch'] + 1}; {scored[-1]['map']:.3f} at last"
        numbers.insert(0, (f"{best['map']:.3f}", "best mAP", words))
    yield Stats(numbers)
    if waiting > STARVED:
        yield Note("advice", f"The data is the bottleneck: {waiting:.0%} of the last epoch was spent waiting", ADVICE)


def _curves(content: Content) -> list[Element]:
    if not content.epochs:
        return [Text("They begin at the end of the first epoch.")]
    rows = [
        (
            entry["epoch"] + 1, value_of(entry, "cross_entropy"), value_of(entry, "smooth_l1"), value_of(entry, "map"),
            f"{value_of(entry, 'lr'):g}", value_of(entry, "speed"), Share(value_of(entry, "data_share")),
            _duration(value_of(entry, "seconds")),
        )
        for entry in content.epochs
    ]  # fmt: skip
    head = ("epoch", "cross entropy", "smooth L1", "mAP", "learning rate", "images/s", "waiting for data", "time")
    return [Charts(curves(content.epochs)), Fold("Every epoch in numbers", [Table(head, rows)])]


def _classes(content: Content) -> Iterator[Section]:
    scored, classes = content.scored, content.run.classes
    if not scored:
        return
    rows = []
    for name in classes:
        values = [value_of(entry["ap"], name) for entry in scored]
        best = max(range(len(values)), key=lambda i: -1.0 if math.isnan(values[i]) else values[i])
        found = values[best] > 0
        rows.append((name, values[-1], values[best], scored[best]["epoch"] + 1 if found else math.nan))
    table = Table(("class", "at last", "best", "after epoch"), rows)
    shown: Element = table if len(rows) <= _FEW_ROWS else Fold(f"All {len(rows)} classes in numbers", [table])
    lead = "VOC07 average precision at IoU 0.5. A class without objects to find has none."
    yield Section("Classes", [Charts([class_chart(content.epochs, classes)]), shown], lead)


def _samples(content: Content) -> Iterator[Section]:
    by_image: dict[str, list[Picture]] = {}
    for epoch, named in content.kept.samples.items():
        for name, picture in named.items():
            caption = f"epoch {epoch + 1}: {picture.caption.removeprefix(f'{name}: ')}"
            by_image.setdefault(name, []).append(replace(picture, caption=caption))
    if not by_image:
        return
    elements: list[Element] = []
    for name, pictures in by_image.items():
        elements += [Text(name), Gallery(pictures)]
    lead = f"The same images after some of the epochs. {_FROM} {LEGEND}"
    yield Section("Samples", elements, lead)


def _extremes(content: Content) -> Iterator[Section]:
    kept = content.kept
    if kept.judged_epoch is None or not (kept.best or kept.worst):
        return
    lead = (
        f"After epoch {kept.judged_epoch + 1}, by F1 score at IoU 0.5: 2 x found / (2 x found + wrong + missed). "
        f"Among equals, the most objects and the most errors. {_FROM} {LEGEND}"
    )
    parts = (("Best", kept.best), ("Worst", kept.worst))
    elements = [element for title, some in parts if some for element in (Text(title), Gallery(some))]
    yield Section("Best and worst images", elements, lead)


def _events(content: Content) -> Iterator[Section]:
    if content.events:
        rows = [
            (datetime.fromtimestamp(one.time).astimezone(), _LEVELS.get(one.level, one.level), one.text)
            for one in content.events
        ]
        yield Section("Events", [Table(("time", "", "what"), rows)], "What the log warned of, and stops and resumes.")


def _configuration(content: Content) -> Section:
    options = content.run.options
    changed = [(one.name, one.value) for one in options if one.changed]
    rows = [(one.name, one.value, one.default, "changed" if one.changed else "") for one in options]
    elements: list[Element] = [Facts(changed)] if changed else []
    elements += [Fold("All options", [Table(("option", "value", "default", ""), rows)])]
    return Section("Configuration", elements, "The options that differ from their defaults.")


def _duration(seconds: float) -> str:
    if math.isnan(seconds):
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    return (
        f"{whole // 60} min {whole % 60:02d} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    )
