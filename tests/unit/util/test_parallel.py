from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dali_ssd.errors import AnnotationError, WorkerError
from dali_ssd.util.parallel import available_cores, ordered_map
from tests.support.processes import said_without_guard

ITEMS = list(range(200))


def square(number: int) -> int:
    return number * number


def fail_at_150(number: int) -> int:
    if number == 150:
        raise AnnotationError("the 150th")
    return number


def die_at_150(number: int) -> int:
    if number == 150:
        os._exit(1)
    return number


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_order(workers: int) -> None:
    assert list(ordered_map(square, ITEMS, workers)) == [n * n for n in ITEMS]


@pytest.mark.parametrize("workers", [1, 2])
def test_exceptions_come_out(workers: int) -> None:
    results: Iterator[int] = ordered_map(fail_at_150, ITEMS, workers)
    with pytest.raises(AnnotationError, match="the 150th"):
        list(results)


def test_death_of_a_worker_is_our_error() -> None:
    with pytest.raises(WorkerError, match="worker process died"):
        list(ordered_map(die_at_150, ITEMS, 2))


def test_a_script_that_starts_workers_when_it_is_imported_is_told_so(tmp_path: Path) -> None:
    """Each worker imports it, and would start workers itself."""
    said = said_without_guard(tmp_path)
    assert said.startswith("no worker process could start; a script must begin its work below `if __name__")


def test_stopping_early_and_nothing_to_do() -> None:
    results = ordered_map(square, ITEMS, 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert list(ordered_map(square, [], 2)) == []


def test_available_cores_is_what_this_process_may_use() -> None:
    assert available_cores() >= 1
