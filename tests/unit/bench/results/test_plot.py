from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.bench.results.plot import plot_record
from dali_ssd.bench.results.record import BenchResult
from dali_ssd.errors import DatasetError

pytest.importorskip("matplotlib")


def picture(record: BenchResult, path: Path) -> Image.Image:
    plot_record(record, path)
    image = Image.open(path)
    image.load()
    return image


def test_bars_grow_with_the_contenders(tmp_path: Path, make_record: Callable[..., BenchResult]) -> None:
    two = picture(make_record(), tmp_path / "two.png")
    more = picture(make_record([Run(Trial("stock", 2, 32), 1, Outcome(60.0))]), tmp_path / "three.png")
    assert two.format == "PNG"
    assert more.height > two.height


def test_several_threads_become_curves(tmp_path: Path, make_record: Callable[..., BenchResult]) -> None:
    image = picture(make_record(threads=(1, 2)), tmp_path / "curve.png")
    assert image.height > picture(make_record(), tmp_path / "bars.png").height


def test_several_devices_have_bars_and_curves_of_their_own(
    tmp_path: Path, make_record: Callable[..., BenchResult]
) -> None:
    both = [Run(Trial("dali_ssd", count, 32, (0, 1)), 1, Outcome(900.0 * count)) for count in (1, 2)]
    bars = picture(make_record(both[1:]), tmp_path / "bars.png")
    assert bars.height > picture(make_record(), tmp_path / "one.png").height
    picture(make_record(both, threads=(1, 2)), tmp_path / "curves.png")
    picture(make_record(threads=(1, 2)), tmp_path / "fewer.png")
    assert (tmp_path / "curves.png").read_bytes() != (tmp_path / "fewer.png").read_bytes()


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("batch_sizes", [(32,), (32, 128)])
def test_nothing_runs_off_the_edges(
    batch_sizes: tuple[int, ...], count: int, tmp_path: Path, make_record: Callable[..., BenchResult]
) -> None:
    """Labels of several devices, and GPUs that have different names."""
    record = make_record()
    names = [f"NVIDIA H100 80GB HBM3 {number}, 81559 MiB, driver 580.65.06" for number in range(count)]
    record = replace(record, machine=replace(record.machine, gpus=names))
    record.runs[:] = [
        Run(Trial(name, 16, size, numbers), 1, Outcome(10_022.0 * len(numbers)))
        for size in batch_sizes
        for numbers in ((0,), tuple(range(count)))
        for name in ("dali_ssd", "gluoncv")
    ]
    pixels = np.asarray(picture(record, tmp_path / "a.png").convert("L"))
    for edge in (pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:]):
        assert edge.min() == 255


def test_failed_and_free_contenders_are_left_out(tmp_path: Path, make_record: Callable[..., BenchResult]) -> None:
    more = [Run(Trial("stock", 2, 32), 1, Outcome(error="no")), Run(Trial("synthetic", 2, 32), 1, Outcome(1e7))]
    plot_record(make_record(more), tmp_path / "a.png")
    plot_record(make_record(), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_training_shows_what_a_constant_batch_gives(tmp_path: Path, make_record: Callable[..., BenchResult]) -> None:
    more = [Run(Trial("synthetic", 2, 32), 1, Outcome(600.0))]
    trained = picture(make_record(more, task="train mobilenet0.25"), tmp_path / "a.png")
    assert trained.height > picture(make_record(), tmp_path / "b.png").height


def test_nothing_to_draw_is_said(tmp_path: Path, make_record: Callable[..., BenchResult]) -> None:
    record = make_record()
    record.runs[:] = [Run(Trial("stock", 2, 32), 1, Outcome(error="no"))]
    with pytest.raises(DatasetError, match="nothing to plot"):
        plot_record(record, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
