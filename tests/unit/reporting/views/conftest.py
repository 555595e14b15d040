"""A run that was not trained: its history, and the detections in real records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from dali_ssd.metrics.detections import Detections
from dali_ssd.records.dataset import open_dataset
from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.views.facts import RunFacts
from dali_ssd.reporting.views.gallery import Gallery
from dali_ssd.synthetic import SHAPES, write_shapes

SIDE = 100
IMAGES = 9


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("gallery")
    return Gallery(open_dataset(write_shapes(folder, "val", IMAGES, seed=1)), SIDE, SHAPES)


@pytest.fixture
def found() -> list[Detections]:
    """Each image has two objects, of which the first is found, in the third image both; the second has no object."""
    rng = np.random.default_rng(0)
    images = []
    for number in range(IMAGES):
        low = rng.uniform(0, 50, (2, 2))
        boxes = np.concatenate([low, low + 30], axis=1).astype(np.float32)
        count = 2 if number == 2 else 1
        true = boxes[:0] if number == 1 else boxes
        ids = np.arange(2, dtype=np.int32)
        images.append(
            Detections(
                boxes[:count], ids[:count], np.full(count, 0.9, np.float32), true, ids[: len(true)],
                np.zeros(len(true), bool),
            )
        )  # fmt: skip
    return images


@pytest.fixture
def run() -> RunFacts:
    return RunFacts("ssd_100_tiny", 5, SHAPES, 50, IMAGES, ())


@pytest.fixture
def epoch() -> Callable[..., Entry]:
    def make(number: int, **values: Any) -> Entry:
        entry: Entry = {
            "kind": "epoch", "epoch": number, "step": 10 * (number + 1), "lr": 0.1, "cross_entropy": 2 / (number + 1),
            "smooth_l1": 1.5, "speed": 80.0, "data_share": 0.02, "seconds": 75.0, "map": 0.1 * number,
            "coco_ap": 0.05 * number, "ap": {name: 0.1 * number for name in SHAPES},
        }  # fmt: skip
        return entry | values

    return make


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return str(tmp_path / "ssd")
