"""Reports of `dali-ssd inspect` with made-up numbers, of which no two that could be taken for each other are alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dali_ssd.anchors import FEATURE_MAPS
from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from dali_ssd.inspection.advising.grounds import Grounds
from dali_ssd.inspection.contents import Contents
from dali_ssd.inspection.numbers import Histogram, Spread
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.report import (
    Alternative,
    BoxFacts,
    ClassFacts,
    Coverage,
    DecodeCost,
    Group,
    ImageFacts,
    LayerFacts,
    Report,
    Sample,
    ShardFacts,
)

__all__ = ["BETTER", "GROUNDS", "NETWORK", "REPORT", "changed", "class_of", "made_up_contents", "said"]

NETWORK = Alternative(("vgg16_atrous",), 300, 8732, 0.91, 0.82, 0.85)
BETTER = replace(NETWORK, anchors=9000, before=0.99, after=0.95, class_mean=0.97)


def made_up_contents(
    records: Sequence[Sequence[Sequence[float]]],
    sizes: Sequence[tuple[int, int]] | None = None,
    kinds: Sequence[str] | None = None,
    progressive: Sequence[bool] | None = None,
) -> Contents:
    """Contents of records, each with its objects: corners, class id, and 1 for a difficult one."""
    count = len(records)
    rows = [(*one, *(0,) * (6 - len(one))) for objects in records for one in objects]
    return Contents(
        numbers=np.arange(count),
        sizes=np.array([(320, 240)] * count if sizes is None else sizes, np.int64).reshape(-1, 2),
        image_bytes=np.arange(count) + 5000,
        checksums=np.arange(count),
        kinds=tuple(["JPEG RGB"] * count if kinds is None else kinds),
        progressive=np.array([False] * count if progressive is None else progressive, bool),
        labels=(np.zeros(2, np.float32),) * count,
        objects=np.array(rows, np.float32).reshape(-1, 6),
        starts=np.cumsum([0, *map(len, records)]),
    )


def class_of(number: int, objects: int, before: float = 0.9, after: float = 0.8, **changes: Any) -> ClassFacts:
    """A class by its coverage; half as many objects were matched as there are, and twice that in augmented views."""
    facts = ClassFacts(
        number, f"name-{number}", objects // 3 + 1, objects, objects // 7,
        Coverage(objects // 2, before, 0.05, 0.01, 5.0), Coverage(objects // 2 * 2, after, 0.15, 0.02, 4.0),
    )  # fmt: skip
    return replace(facts, **changes)


def _histogram(count: int) -> Histogram:
    return Histogram((1.0, 2.0, 4.0), (count, 2 * count))


def _spread(unit: float) -> Spread:
    return Spread(unit, 2 * unit, 3 * unit, 4 * unit, 5 * unit)


REPORT = Report(
    network="vgg16_atrous",
    data_shape=300,
    threshold=0.5,
    recipe="ssd300",
    augment=AugmentConfig(),
    image=RenderConfig(),
    targets=TargetConfig(),
    shards=(ShardFacts("data/a.rec", 1 << 24, 60),),
    unreadable=0,
    records=60,
    bad=0,
    unit="fraction",
    classes=(class_of(0, 40), class_of(1, 50)),
    images=ImageFacts(
        _spread(320), _spread(240), _spread(230), _spread(5000), {"JPEG RGB": 60}, 0.0, _histogram(1), _histogram(2)
    ),
    boxes=BoxFacts(
        90, 0, _spread(1), 0, _histogram(3), _spread(50), _histogram(4), _spread(1.1), _histogram(5),
        ((60.0, 40.0, True), (90.0, 90.0, False)),
    ),
    sample=Sample(50, 80, 4, 300, 233),
    sizes=(
        Group("small, below 32 px", Coverage(10, 0.31, 0.62, 0.03, 1.0), Coverage(50, 0.22, 0.71, 0.04, 2.0)),
        Group("medium", Coverage(30, 0.93, 0.06, 0.0, 7.0), Coverage(120, 0.84, 0.13, 0.01, 6.0)),
        Group("large, 96 px or more", Coverage(40, 0.99, 0.01, 0.0, 12.0), Coverage(130, 0.98, 0.02, 0.0, 11.0)),
        Group("all", Coverage(80, 0.91, 0.07, 0.01, 8.0), Coverage(300, 0.82, 0.16, 0.02, 5.0)),
    ),
    layers=tuple(
        LayerFacts(layer, layer.cells**2 * len(layer.shapes), (20 + number) / 100, (10 + number) / 100,
                   (70 + 2 * number) / 100)
        for number, layer in enumerate(FEATURE_MAPS["vgg16_atrous", 300])
    ),
    alternatives=(),
    fitted=None,
    milder=None,
    cost=DecodeCost((), math.nan, math.nan, math.nan),
    findings=(),
    oddities=(),
    exhibits=(),
)  # fmt: skip

GROUNDS = Grounds(
    InspectConfig(("data/a.rec",)),
    REPORT,
    made_up_contents([[(60, 48, 180, 168, n % 2)] for n in range(60)]),
    NETWORK,
    0,
)
"""Grounds for no advice."""


def changed(grounds: Grounds = GROUNDS, **changes: Any) -> Grounds:
    """Grounds with other parts of the report; those of its boxes and its images by their own names."""
    report = grounds.report
    for whole in ("boxes", "images"):
        parts = {name: changes.pop(name) for name in list(changes) if name in vars(getattr(report, whole))}
        report = replace(report, **{whole: replace(getattr(report, whole), **parts)})
    return replace(grounds, report=replace(report, **changes))


def said(text: str, *words: str) -> bool:
    """Whether a text has all the words, in this order, whatever is between them."""
    at = 0
    for word in words:
        found = text.find(word, at)
        if found < 0:
            return False
        at = found + len(word)
    return True
