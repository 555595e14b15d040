"""Scores of several processes, each with its part of the records, against those of one with all."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mxnet")
pytest.importorskip("pycocotools")

import mxnet as mx
from hypothesis import given, settings
from hypothesis import strategies as st

from dali_ssd.errors import DatasetError
from dali_ssd.gluon.distributed import scoring as module
from dali_ssd.gluon.distributed.meetings import Meetings, ProcessFailed
from dali_ssd.gluon.distributed.scoring import evaluate_together
from dali_ssd.launch.signals import StopRequested, StopSignal
from dali_ssd.metrics.detections import Detections
from dali_ssd.metrics.scores import Scores
from tests.support.team import Member, together

SIDE, CLASSES, ROWS = 64, ("a", "b", "c"), 4


@dataclass
class ValBatch:
    data: list[Any]
    labels: list[Any]


class Oracle:
    """A network that finds what the image's pixels say, in scores of which many are the same."""

    def set_nms(self, **_: float) -> None:
        pass

    def hybridize(self, **_: bool) -> None:
        pass

    def __call__(self, data: Any) -> tuple[Any, Any, Any]:
        table = data.reshape((data.shape[0], ROWS, 6))
        return table[:, :, 4:5], table[:, :, 5:6], table[:, :, :4]


def records(count: int, seed: int = 0) -> list[tuple[Any, Any]]:
    """What is found and what is there in so many images: rows of -1 for nothing."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        corners = np.sort(rng.integers(0, SIDE, (ROWS, 2, 2)), axis=1).reshape(ROWS, 4)
        ids = rng.integers(-1, len(CLASSES), (ROWS, 1))
        true = np.where(ids < 0, -1, np.hstack([corners, ids, rng.integers(0, 2, (ROWS, 1))]))
        near = corners + rng.integers(-4, 5, corners.shape)
        found = np.where(ids < 0, -1, np.hstack([near, ids, rng.integers(1, 4, (ROWS, 1)) / 4]))
        made.append((found.astype(np.float32), true.astype(np.float32)))
    return made


def batches(part: Sequence[tuple[Any, Any]], each: int, count: int) -> list[ValBatch]:
    """So many batches of a part of the records, the last of which may be empty, as a loader's."""
    rows = [part[first * each : (first + 1) * each] for first in range(count)]
    return [
        ValBatch(*([mx.nd.array(np.stack(column))] for column in zip(*some, strict=True))) if some else ValBatch([], [])
        for some in rows
    ]


def parts(whole: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """As the loader divides records among processes."""
    edges = [len(whole) * part // size for part in range(size + 1)]
    return [whole[begin:end] for begin, end in pairwise(edges)]


def scored(whole: Sequence[Any], size: int, each: int = 2) -> list[Any]:
    """What each process returns."""
    of_ranks = parts(whole, size)
    count = -(-max(map(len, of_ranks)) // each)

    def run(one: Member) -> Scores | None:
        own = batches(of_ranks[one.rank], each, count)
        return evaluate_together(Oracle(), own, CLASSES, SIDE, Meetings(one), StopSignal())

    return together(size, run)


def alike(one: Scores, other: Scores) -> bool:
    return repr(one) == repr(other)  # NaN for classes without objects is the same, too


@settings(max_examples=20)
@given(count=st.integers(0, 13), size=st.integers(2, 5), each=st.integers(1, 3), seed=st.integers(0, 9))
def test_the_scores_are_those_of_one_process_exactly(count: int, size: int, each: int, seed: int) -> None:
    whole = records(count, seed)
    [alone] = scored(whole, 1, each)
    first, *others = scored(whole, size, each)
    assert isinstance(first, Scores) and first.images == count
    assert alike(first, alone) and others == [None] * (size - 1)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_parts_are_put_together_in_the_order_of_the_records(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Sequence[Detections]] = []
    monkeypatch.setattr(module, "score", lambda images, *_: seen.append(images))
    whole = records(11)
    for processes in (1, size):
        assert scored(whole, processes) == [None] * processes
    assert len(seen[0]) == 11
    for one, other in zip(*seen, strict=True):
        for field in fields(Detections):
            first, second = getattr(one, field.name), getattr(other, field.name)
            assert first.dtype == second.dtype
            np.testing.assert_array_equal(first, second)


def test_fewer_records_than_a_step_takes_leave_batches_empty() -> None:
    whole = records(7)
    of_ranks = parts(whole, 3)
    assert [[len(batch.data) for batch in batches(part, 2, 2)] for part in of_ranks] == [[1, 0], [1, 0], [1, 1]]
    [alone] = scored(whole, 1)
    assert alike(scored(whole, 3)[0], alone) and alone.mean_ap > 0


@pytest.mark.parametrize("size", [1, 3])
def test_a_signal_to_one_stops_all_at_the_same_batch(size: int) -> None:
    stops = [StopSignal() for _ in range(size)]
    taken = [0] * size

    def run(one: Member) -> Scores | None:
        def own() -> Any:
            for batch in batches(records(8), 2, 4):
                taken[one.rank] += 1
                if one.rank == size - 1 and taken[one.rank] == 2:
                    stops[one.rank].received = signal.SIGTERM
                yield batch

        return evaluate_together(Oracle(), own(), CLASSES, SIDE, Meetings(one), stops[one.rank])

    assert [type(result) for result in together(size, run)] == [StopRequested] * size
    assert taken == [2] * size


def test_a_label_of_no_class_in_one_ends_the_scoring_of_all() -> None:
    def run(one: Member) -> Scores | None:
        meetings, own = Meetings(one), records(4)
        if one.rank == 1:
            own[-1][1][0] = (1, 1, 9, 9, len(CLASSES), 0)
        try:
            return evaluate_together(Oracle(), batches(own, 2, 2), CLASSES, SIDE, meetings, StopSignal())
        except DatasetError:
            meetings.fail()
            raise

    first, second, third = together(3, run)
    assert isinstance(second, DatasetError) and "class id 3" in str(second)
    assert isinstance(first, ProcessFailed) and isinstance(third, ProcessFailed)
