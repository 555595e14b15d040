from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib")

from dali_ssd.errors import DaliSsdError
from dali_ssd.reporting.curve import plot_history
from dali_ssd.reporting.history import Entry


def epoch(number: int, lr: float = 0.1, mean_ap: float | None = None, loss: float | None = 2.0) -> Entry:
    entry = {"kind": "epoch", "epoch": number, "lr": lr, "cross_entropy": loss, "smooth_l1": loss}
    return entry | ({"map": mean_ap} if mean_ap is not None else {})


def colors(path: Path) -> set[tuple[int, ...]]:
    with Image.open(path) as picture:
        assert picture.size == (1080, 600)
        return set(map(tuple, np.asarray(picture.convert("RGB")).reshape(-1, 3)))


GREEN = (0x15, 0x80, 0x3D)


@pytest.mark.parametrize(
    ("entries", "scored"),
    [
        ([], False),
        ([{"kind": "step", "step": 1}], False),
        ([epoch(0)], False),
        ([epoch(0, loss=None), epoch(1)], False),
        ([epoch(0, mean_ap=0.5), epoch(1, lr=0.01), epoch(2, lr=0.01, mean_ap=0.7)], True),
    ],
)
def test_curves(tmp_path: Path, entries: list[Entry], scored: bool) -> None:
    plot_history(entries, tmp_path / "x.png", "title")
    assert (GREEN in colors(tmp_path / "x.png")) == scored
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DaliSsdError, match="cannot write"):
        plot_history([], tmp_path / "no" / "x.png")
