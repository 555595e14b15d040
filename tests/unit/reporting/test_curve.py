from __future__ import annotations

from pathlib import Path
from typing import Any

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


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The axes of the losses and of the mAP, of four epochs of which the third has no validation."""
    from matplotlib.figure import Figure

    save, figures = Figure.savefig, []

    def keeping(figure: Any, *args: Any, **options: Any) -> None:
        figures.append(figure)
        save(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", keeping)
    rows = [(0.1, 4.0, 1.5, 0.25), (0.1, 3.0, 1.25, 0.75), (0.01, 2.0, 1.0, None), (0.01, 1.0, 0.5, 0.5)]
    names = ("lr", "cross_entropy", "smooth_l1", "map")
    entries = [
        {"kind": "epoch", "epoch": number} | dict(zip(names, row, strict=True)) for number, row in enumerate(rows)
    ]
    plot_history(entries, tmp_path / "x.png")
    [figure] = figures
    losses, scores = figure.axes
    return losses, scores


def points(axes: Any, label: str) -> list[tuple[float, float]]:
    [line] = [line for line in axes.lines if line.get_label() == label]
    return [(float(x), float(y)) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def test_numbers_stand_at_the_ends_of_epochs(drawn: tuple[Any, Any]) -> None:
    losses, scores = drawn
    assert points(losses, "cross entropy") == [(1, 4.0), (2, 3.0), (3, 2.0), (4, 1.0)]
    assert points(losses, "smooth L1") == [(1, 1.5), (2, 1.25), (3, 1.0), (4, 0.5)]
    assert points(scores, "mAP (VOC07)") == [(1, 0.25), (2, 0.75), (4, 0.5)]


def test_the_best_score_is_marked(drawn: tuple[Any, Any]) -> None:
    _, scores = drawn
    assert [(text.get_text(), text.xy) for text in scores.texts] == [("0.750", (2, 0.75))]


def test_the_rate_is_marked_where_it_changes(drawn: tuple[Any, Any]) -> None:
    """At the begin of the third epoch, which is the end of the second."""
    losses, _ = drawn
    assert [(text.get_text(), text.xy) for text in losses.texts] == [("lr 0.01", (2, 1))]
    assert [list(line.get_xdata()) for line in losses.lines[2:]] == [[2, 2]]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DaliSsdError, match="cannot write"):
        plot_history([], tmp_path / "no" / "x.png")
