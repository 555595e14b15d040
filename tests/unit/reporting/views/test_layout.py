"""What the page of a run says, from numbers that are all different."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from dali_ssd.pages.elements import Element, Fold, Gallery, Picture, Share, Stats, Table, Text
from dali_ssd.pages.page import Page, Section
from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.views.facts import RunFacts
from dali_ssd.reporting.views.kept import Kept
from dali_ssd.reporting.views.layout import Content, _duration, lay_out
from dali_ssd.reporting.views.view import Status


@pytest.fixture
def content(run: RunFacts, epoch: Callable[..., Entry]) -> Content:
    epochs = [
        epoch(0, map=0.25, cross_entropy=4.5, smooth_l1=2.5, data_share=0.5, seconds=59.0),
        epoch(1, map=0.75, cross_entropy=3.5, smooth_l1=1.25, data_share=0.25, seconds=125.0),
        epoch(2, map=0.5, cross_entropy=2.25, smooth_l1=0.5, data_share=0.125, seconds=7_384.0, speed=1234.0, lr=0.01),
    ]
    return Content(run, Status("running"), epochs, Kept(), [], Section("Machine", []), "dali-ssd train")


def elements(page: Page) -> Iterator[Element]:
    for section in page.sections:
        for one in section.elements:
            yield one
            yield from one.elements if isinstance(one, Fold) else ()


def stats(page: Page) -> dict[str, tuple[str, str]]:
    [numbers] = [one.numbers for one in page.summary if isinstance(one, Stats)]
    return {name: (value, words) for value, name, words in numbers}


def test_the_numbers_on_top(content: Content) -> None:
    assert stats(lay_out(content)) == {
        "best mAP": ("0.750", "VOC07, after epoch 2; 0.500 at last"),
        "cross entropy": ("2.25", "of the last epoch"),
        "smooth L1": ("0.5", "of the last epoch"),
        "images/s": ("1,234", "epoch of 2 h 03 min"),
        "waiting for data": ("12.5%", "of the last epoch"),
    }


def test_every_epoch_in_numbers(content: Content) -> None:
    [table] = [one for one in elements(lay_out(content)) if isinstance(one, Table) and one.head[0] == "epoch"]
    assert [dict(zip(table.head, row, strict=True)) for row in (table.rows[0], table.rows[2])] == [
        {
            "epoch": 1, "cross entropy": 4.5, "smooth L1": 2.5, "mAP": 0.25, "learning rate": "0.1", "images/s": 80.0,
            "waiting for data": Share(0.5), "time": "59.0 s",
        },
        {
            "epoch": 3, "cross entropy": 2.25, "smooth L1": 0.5, "mAP": 0.5, "learning rate": "0.01",
            "images/s": 1234.0, "waiting for data": Share(0.125), "time": "2 h 03 min",
        },
    ]  # fmt: skip


def test_best_and_worst_images_are_not_mixed_up(content: Content) -> None:
    best, worst = (Picture("data:image/jpeg;base64,AAAA", 2, 3, alt) for alt in ("best", "worst"))
    page = lay_out(replace(content, kept=Kept(best=[best], worst=[worst], judged_epoch=1)))
    [section] = [one for one in page.sections if one.title == "Best and worst images"]
    shown = [one.pictures if isinstance(one, Gallery) else one for one in section.elements]
    assert shown == [Text("Best"), [best], Text("Worst"), [worst]]
    assert section.lead.startswith("After epoch 2, ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (59.4, "59.4 s"),
        (59.6, "1 min 00 s"),
        (75, "1 min 15 s"),
        (754, "12 min 34 s"),
        (3599, "59 min 59 s"),
        (3660, "1 h 01 min"),
        (36_754, "10 h 12 min"),
        (math.nan, "-"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert _duration(seconds) == words
