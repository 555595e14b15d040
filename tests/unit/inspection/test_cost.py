from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from dali_ssd.errors import DaliSsdError, RecordError, WorkerError
from dali_ssd.inspection.cost import _fastest, fitted_line, measure_decoding, predicted_ms
from dali_ssd.inspection.report import DecodeCost
from dali_ssd.records.dataset import open_dataset
from tests.support.inspection import contents_of
from tests.support.records import Write, record, write
from tests.support.shards import draw, encoded

__all__ = ["write"]


def photo(side: int, **options: object) -> bytes:
    return encoded(draw(np.random.default_rng(side), side, side), "JPEG", **options)  # type: ignore[arg-type]


def test_the_line_is_that_of_least_squares() -> None:
    x = np.random.default_rng(0).uniform(0.1, 4, 50)
    points = np.column_stack([x, 0.5 + 8 * x + np.random.default_rng(1).normal(0, 0.3, 50)])
    slope, base = np.polyfit(x, points[:, 1], 1)
    np.testing.assert_allclose(fitted_line(points), (base, slope), rtol=1e-9)


@pytest.mark.parametrize("points", [[(1, 5.0), (2, 4.0)], [(1, 1.0), (2, 9.0)]])
def test_a_line_never_has_negative_costs(points: list[tuple[float, float]]) -> None:
    base, slope = fitted_line(np.array(points))
    assert base >= 0 and slope > 0
    np.testing.assert_allclose(predicted_ms(DecodeCost((), base, slope), np.array([2.0])), base + 2 * slope)


def test_images_of_one_size_give_no_line() -> None:
    assert np.isnan(fitted_line(np.array([(0.3, 2.0), (0.3, 4.0)]))).all()


def test_images_are_timed_by_dali(write: Write) -> None:
    pytest.importorskip("nvidia.dali")
    images = [photo(200), photo(400), photo(400, progressive=True), b"\x89PNG broken" * 9]
    shard = write([record(image=image) for image in images])
    contents = contents_of(shard)
    cost = measure_decoding(open_dataset(shard), contents)
    assert len(cost.images) == 3 and all(one.ms > 0 for one in cost.images)
    assert [one.progressive for one in cost.images].count(True) == 1
    assert [math.isnan(one.baseline_ms) for one in cost.images].count(False) == 1
    np.testing.assert_allclose(cost.mean_ms, predicted_ms(cost, contents.megapixels).mean())


def test_images_of_one_size_have_a_mean_alone(write: Write) -> None:
    pytest.importorskip("nvidia.dali")
    shard = write([record(image=photo(200)) for _ in range(3)])
    cost = measure_decoding(open_dataset(shard), contents_of(shard))
    assert math.isnan(cost.base_ms) and math.isnan(cost.ms_per_megapixel)
    np.testing.assert_allclose(cost.mean_ms, np.mean([one.ms for one in cost.images]))


def test_an_image_costs_a_copys_share_of_the_fastest_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of four take 90, 50, 20, 60 and 70 ms."""
    clock = iter([0.0, 0.09, 1.0, 1.05, 2.0, 2.02, 3.0, 3.06, 4.0, 4.07])
    monkeypatch.setattr(time, "process_time", lambda: next(clock))
    pipeline = mock.Mock()
    np.testing.assert_allclose(_fastest(pipeline, b"image", (48, 60)), 20 / 4)
    fed = dict(call.args for call in pipeline.feed_input.call_args_list)
    assert [one.tobytes() for one in fed["encoded"]] == [b"image"] * 4
    assert [one.tolist() for one in fed["regions"]] == [[0, 0, 48, 60]] * 4
    assert pipeline.run.call_count == 5


def test_without_dali_it_says_so(
    write: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "nvidia.dali", None)
    shard = write([record()])
    cost = measure_decoding(open_dataset(shard), contents_of(shard))
    assert math.isnan(cost.mean_ms) and "DALI is not installed" in cost.note
    assert "cost of decoding was not measured" in caplog.text


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (WorkerError("a worker process died"), "DALI crashed; `dali-ssd check --decode` finds the images"),
        (DaliSsdError("no worker process could start; a script"), "no worker process could start; a script"),
        (RecordError("damaged"), "damaged"),
    ],
)
def test_the_reason_is_the_real_one(
    write: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: DaliSsdError, note: str
) -> None:
    pytest.importorskip("nvidia.dali")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("dali_ssd.inspection.cost.ordered_map", fail)
    shard = write([record()])
    assert measure_decoding(open_dataset(shard), contents_of(shard)).note.startswith(note)
    assert f"the cost of decoding was not measured: {note}" in caplog.text


def test_without_images_there_is_nothing_to_time(write: Write, tmp_path: Path) -> None:
    shard = write([record(image=b""), record(image=b"")])
    assert measure_decoding(open_dataset(shard), contents_of(shard)).note == "there is no image to decode"
