"""Every kind of page that is shown in the browser, each made as users get it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.cli.main import main
from dali_ssd.inspection.advising.advice import TOPICS
from dali_ssd.inspection.examine import examine
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.report import Advice, DecodeCost, Timed
from dali_ssd.inspection.showing.page import write_report
from dali_ssd.loader import TrainLoader
from dali_ssd.pages.charts import chart, color
from dali_ssd.pages.elements import (
    Charts,
    Facts,
    Fold,
    Gallery,
    Matrix,
    Note,
    Share,
    Stats,
    Table,
    Text,
)
from dali_ssd.pages.page import Page, Section, write_page
from dali_ssd.pages.pictures import picture
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import build_label
from dali_ssd.reporting.evaluation.page import write_evaluation
from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.log import Event
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.views.facts import Option, RunFacts
from dali_ssd.reporting.views.gallery import Gallery as Images
from dali_ssd.reporting.views.gallery import Seen
from dali_ssd.reporting.views.page import PageView, report_path
from dali_ssd.reporting.views.view import Status
from dali_ssd.synthetic import SHAPES, write_shapes
from tests.support.browser import Limits
from tests.support.detected import detected
from tests.support.evaluated import SIDE, evaluated, seen
from tests.support.paths import ROOT
from tests.support.shards import draw, encoded, write_random
from tests.support.shards import write as write_shards

__all__ = ["KINDS", "Kind"]

LONG = "a name that is much longer than names of classes are in most data sets, and has_no_break_for_quite_a_while"


@dataclass(frozen=True)
class Kind:
    """A kind of page."""

    make: Callable[[Path], Sequence[Path]]
    """Writes pages into an empty folder, and returns their files; it may skip the test."""
    limits: Limits = field(default_factory=Limits)
    served: bool = False
    """Whether they come from a server, as the site does; all else opens from disk."""


def epoch(number: int) -> Entry:
    """An entry in the history of a run whose losses fall."""
    return {
        "kind": "epoch",
        "epoch": number,
        "step": 30 * (number + 1),
        "lr": 0.01 if number < 15 else 0.001,
        "cross_entropy": 4 / (number + 2),
        "smooth_l1": 2 / (number + 2),
        "speed": 80.0 + number,
        "data_share": 0.02,
        "seconds": 75.0,
        "map": 0.03 * number,
        "coco_ap": 0.02 * number,
        "ap": {name: 0.01 * number * (at + 1) for at, name in enumerate(SHAPES)},
    }


def elements(folder: Path) -> list[Path]:
    """A page with every element, and with texts of all lengths."""
    rng = np.random.default_rng(0)

    def lines(axes: Any) -> None:
        for number in range(8):
            axes.plot(rng.random(20), color=color(number), label=f"line {number}")
        axes.set(xlabel="steps", ylabel="loss")
        axes.figure.legend(loc="outside upper left", ncols=4)

    chart_of_lines = chart(lines, "Eight lines", "Loss over steps")
    photo = picture(draw(rng, 200, 300), "A drawn photo", f"`shard.rec` record 3, {LONG}")
    matrix = Matrix("true / found", ["cat", LONG], ["cat", LONG], [[7, 3], [0, 12345]], [[0.7, 0.3], [0, 1]], "Counts")
    table = Table(["name", "count", "share"], [["cat", 12, Share(0.4)], [LONG, 3.14159, Share(1)]], "A table")
    notes = [
        Note("good", "All is well"),
        Note("info", "A word", "with `code` in it"),
        Note("advice", LONG, LONG, f"dali-ssd eval --classes '{LONG}' --val {'shard-000.rec ' * 9}"),
        Note("warning", "Look", "at this\n\nand at that"),
        Note("error", "Wrong"),
    ]
    page = Page(
        "Every element",
        [
            Section("Words", [Text("One.\n\nTwo, with `code`."), Facts([("short", "1"), (LONG, LONG)]), *notes], LONG),
            Section("Numbers", [table, matrix]),
            Section("Pictures", [photo, Gallery([photo] * 5), chart_of_lines, Charts([chart_of_lines] * 3)]),
            Section("Folds", [Fold("Open", [Text("Inside"), table, Fold("Again", [Charts([chart_of_lines])])])]),
        ],
        LONG,
        [Stats([("0.581", "mAP", "of 3 classes"), ("1,234,567", LONG, ""), ("-", "", "")])],
        "dali-ssd test --option value",
        datetime(2026, 1, 1, tzinfo=timezone.utc),
    )
    write_page(folder / "elements.html", page)
    return [folder / "elements.html"]


def evaluations(folder: Path) -> list[Path]:
    """Reports of `eval`: of four classes, of eighty, and of a network that finds nothing."""
    shard = write_shapes(folder, "shapes", 24, seed=1)[0]
    four, eighty = SHAPES, [f"kind of thing {n}" for n in range(76)]
    none = [detected([], [((10, 10, 90, 90), 1)]) for _ in range(24)]
    many = seen(open_dataset(shard), 80)
    pages = {
        "four": evaluated(shard, four),
        "eighty": evaluated(shard, [*four, *eighty], many),
        "nothing": evaluated(shard, four, none),
    }
    for name, evaluation in pages.items():
        write_evaluation(folder / f"{name}.html", evaluation)
    return [folder / f"{name}.html" for name in pages]


def inspection(folder: Path) -> list[Path]:
    """Reports of `inspect`: as the command makes it, with all advice on many classes, and of no object."""
    shard = write_shapes(folder, "shapes", 40, seed=2)[0]
    options = ["--classes", ",".join(SHAPES), "--data-shape", "300", "--workers", "1"]
    assert main(["inspect", str(shard), *options, "--html", str(folder / "inspect.html")]) == 0
    (varied,) = write_random(folder, 60)
    empty = build_label([], []), encoded(draw(np.random.default_rng(0), 60, 80))
    (none,) = write_shards(folder, [empty], stem="none")
    names = ",".join(f"{LONG.replace(',', '')} {number}" for number in range(100))
    every = tuple(Advice(topic, LONG, LONG, LONG, f"dali-ssd check {LONG}") for topic in TOPICS)
    cost = DecodeCost((Timed(0.5, 4, False), Timed(2, 30, True, 14)), 1, 9, 12, "")
    for name, data, advice in (("many", varied, every), ("none", none, ())):
        found = examine(InspectConfig((str(data),), classes=names, views=1))
        report = replace(found.report, cost=cost, advice=advice)
        write_report(folder / f"{name}.html", replace(found, report=report), f"dali-ssd inspect {LONG}")
    return [folder / f"{name}.html" for name in ("inspect", "many", "none")]


def trainings(folder: Path) -> list[Path]:
    """Pages of a run that trains and of one that has failed, which see better from epoch to epoch."""
    dataset = open_dataset(write_shapes(folder, "val", 12, seed=3))
    options = tuple(Option(f"--option-{n}", LONG if n == 7 else str(n), "0", n > 4) for n in range(30))
    run = RunFacts("ssd_300_mobilenet0.25", 40, SHAPES, 500, len(dataset), options)
    events = [Event(1e9, "warning", LONG), Event(1e9, "info", "Going on from epoch 3"), Event(1e9, "error", "Failed")]
    states = {"running": Status("running"), "failed": Status("failed", f"the loss is not finite; {LONG}")}
    for name, status in states.items():
        view, entries = PageView(str(folder / name), run, events, clock=lambda: 0.0), [epoch(n) for n in range(20)]
        view.begin([], TrainProgress())
        for number in (4, 9, 19):
            found = Seen(Images(dataset, SIDE, SHAPES), seen(dataset, len(SHAPES), seed=number))
            view.epoch(entries[: number + 1], found)
        view.end(entries, status)
    return [report_path(str(folder / name)) for name in states]


def notebook(folder: Path) -> list[Path]:
    """What a notebook shows of loaders, data sets and records, on a page of its own."""
    pytest.importorskip("nvidia.dali")
    shards = write_shapes(folder, "shapes", 12, seed=4)
    (folder / "classes.txt").write_text("\n".join(SHAPES))
    dataset = open_dataset(shards)
    with TrainLoader(shards, targets="boxes", data_shape=300, batch_size=4, framework="dlpack") as loader:
        parts = [one._repr_html_() for one in (loader, dataset, dataset[0])]
    head = '<meta charset="utf-8"><title>Notebook</title><link rel="icon" href="data:,">'
    style = "<style>:root { color-scheme: light dark; font: 14px sans-serif; }</style>"
    body = "".join(f"<section>{part}</section>" for part in parts)
    html = f'<!doctype html><html lang="en"><head>{head}{style}</head><body><h1>Notebook</h1>{body}</body></html>'
    (folder / "notebook.html").write_text(html, encoding="utf-8")
    return [folder / "notebook.html"]


_SITE = (
    *("index.html", "errors.html", "eval-report.html", "gpu.html", "commands.html", "how-it-works.html", "tour.html"),
    "reference/loaders.html",
)
"""Pages of each kind that there is: text, tables, pictures, cells of a notebook, docstrings."""


def site(folder: Path) -> list[Path]:
    """Pages of the documents as MkDocs builds them."""
    pytest.importorskip("mkdocs")
    if not (ROOT / "mkdocs.yml").is_file():
        pytest.skip("there is no mkdocs.yml")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [folder / "site" / name for name in _SITE]


KINDS = {
    "elements": Kind(elements),
    "eval": Kind(evaluations),
    "inspect": Kind(inspection),
    "train": Kind(trainings),
    "notebook": Kind(notebook),
    "site": Kind(site, Limits(shapes=1, keyboard=False), served=True),
}
"""By name."""
