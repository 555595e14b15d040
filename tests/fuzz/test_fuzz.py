"""Thousands of damaged shards: no crash, no hang, bounded memory, and no error but ours.

`DALI_SSD_FUZZ=20000 python -m pytest tests/fuzz` tries more than the 2,000 that are usual.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.cases import Case, any_cases, arbitrary, cases, heads, how_many, labels
from tests.fuzz.server import Died, Server

pytestmark = pytest.mark.slow

MEMORY = 1500
"""MB that the child may take at most; it begins with about 400."""
_GROUP = 50
"""Shards that are decoded together: what costs is to start the processes that do it."""


def ask(server: Server, task: str, *given_cases: Case) -> None:
    """Give the child some cases. A failure keeps their files."""
    with tempfile.TemporaryDirectory() as name:
        for number, case in enumerate(given_cases):
            case.write(Path(name), f"{number:03d}" if task == "decoded" else "a")
        try:
            outcome, why = server.ask(task, Path(name))
        except Died as death:
            outcome, why = "failed", str(death)
    if outcome == "failed" or server.peak > MEMORY:
        kept = Path(tempfile.mkdtemp(prefix="dali-ssd-fuzz-"))
        for number, case in enumerate(given_cases):
            case.write(kept, f"{number:03d}")
        raise AssertionError(f"{why or f'{server.peak} MB of memory'}\nthe shards are in {kept}")


@settings(max_examples=how_many(0.5))
@given(case=cases())
def test_loaders_refuse_name_or_load(server: Server, case: Case) -> None:
    ask(server, "structure", case)


@settings(max_examples=how_many(0.05))
@given(case=arbitrary)
def test_loaders_refuse_what_is_no_shard(server: Server, case: Case) -> None:
    ask(server, "structure", case)


@settings(max_examples=how_many(0.15))
@given(case=heads())
def test_what_a_head_tells_is_told_before_any_decoding(server: Server, case: Case) -> None:
    ask(server, "heads", case)


@settings(max_examples=how_many(0.15))
@given(case=labels())
def test_labels_are_refused_by_all_or_read_without_loss(server: Server, case: Case) -> None:
    ask(server, "labels", case)


@settings(max_examples=how_many(0.05 / _GROUP))
@given(group=st.lists(any_cases, min_size=_GROUP, max_size=_GROUP))
def test_nothing_bad_gets_through_where_bad_records_are_skipped(server: Server, group: list[Case]) -> None:
    ask(server, "decoded", *group)


@settings(max_examples=how_many(0.25))
@given(case=any_cases | arbitrary)
def test_check_ends_and_what_it_repairs_is_clean(server: Server, case: Case) -> None:
    ask(server, "repaired", case)
