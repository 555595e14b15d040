"""Empty data sets in either format, and one of a single image."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.annotations import Coco, Voc


@pytest.fixture
def voc(tmp_path: Path) -> Voc:
    return Voc(tmp_path / "voc")


@pytest.fixture
def coco(tmp_path: Path) -> Coco:
    return Coco(tmp_path / "coco")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def one(coco: Coco) -> Coco:
    """One image with a box of one class."""
    coco.image(1)
    coco.categories(cat=1)
    coco.box(1, 1, [10, 10, 30, 30])
    return coco
