"""Processes that start at once on one machine: one looks through the shards, and the others read what it found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.loaders import train
from tests.support.paths import ROOT
from tests.support.shards import random_record, write

PROGRAM = """
import os, sys, time
from dali_ssd import TrainLoader
from dali_ssd.records import dataset, inspect
from dali_ssd.records.decode import dali
from dali_ssd.records.format import index
from tests.support.pipes import ANCHORS

notes, slow, rank, world, *shards = sys.argv[1:]

def noted(module, name, seconds=0.0):
    function = getattr(module, name)
    def note(*args, **options):
        with open(notes, "a") as file:
            print(name, os.getpid(), file=file)
        time.sleep(seconds)
        return function(*args, **options)
    setattr(module, name, note)

noted(inspect, "shard_structure", float(slow))
noted(inspect, "write_report")
noted(index, "build_index")
noted(dali, "undecodable", float(slow))
noted(dali, "_write")
noted(dataset, "write_index")
options = {"framework": "dlpack", "data_shape": 32, "batch_size": 2, "num_threads": 1}
print("ready", flush=True)
sys.stdin.readline()
ranks = {"rank": int(rank), "world_size": int(world)}
with TrainLoader(shards, anchors=ANCHORS, on_bad="skip", max_bad=0.5, **options, **ranks) as loader:
    print(loader.num_records, [(found.kind, found.place.offset) for found in loader.findings])
"""
"""Does what a rank does before its first batch, notes each piece of it, and takes its time."""


class Rank:
    """A process that makes a loader, once it is told to."""

    def __init__(self, folder: Path, cache: Path, rank: int, world: int, slow: float, shards: Any) -> None:
        words = [str(folder / "notes"), str(slow), str(rank), str(world), *map(str, shards)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            cwd=ROOT,
            env=os.environ | {"DALI_SSD_CACHE": str(cache)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def require_ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> tuple[str, str]:
        """What it printed, and what it said meanwhile."""
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, err
        return out, err


@contextmanager
def started(folder: Path, world: int, shards: Any, slow: float = 0.5) -> Iterator[list[Rank]]:
    """Ranks that wait for `go`; none outlives the block."""
    cache = folder / "cache"
    ranks = [Rank(folder, cache, rank, world, slow, shards) for rank in range(world)]
    try:
        for rank in ranks:
            rank.require_ready()
        yield ranks
    finally:
        for rank in ranks:
            if rank.process.poll() is None:
                rank.kill()
            rank.process.communicate(timeout=60)


def notes(folder: Path) -> list[tuple[str, str]]:
    """What was done, and by which process."""
    path = folder / "notes"
    return [(line.split()[0], line.split()[1]) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def shards(tmp_path: Path) -> tuple[Path, ...]:
    """Two shards without indexes; one record is an image only at its head, so that every pixel must be decoded."""
    rng = np.random.default_rng(3)
    records = [random_record(rng) for _ in range(12)]
    label, image = records[5]
    records[5] = label, image[:-40] + bytes(28) + image[-12:]
    paths = write(tmp_path, records, num_shards=2)
    for path in paths:
        path.with_suffix(".idx").unlink()
    return paths


ONCE = Counter(
    {"build_index": 2, "shard_structure": 2, "write_report": 2, "undecodable": 1, "_write": 2, "write_index": 1}
)
"""What has to be done for two shards: an index, a report and a list of images that do not decode for each; decoding of
all; and the index of the good records of both."""


@pytest.mark.slow
def test_one_of_many_ranks_inspects_decodes_and_writes(tmp_path: Path, shards: tuple[Path, ...]) -> None:
    with started(tmp_path, 3, shards) as ranks:
        for rank in ranks:
            rank.go()
        outputs = [rank.end() for rank in ranks]
    assert Counter(what for what, _ in notes(tmp_path)) == ONCE
    (out, *others) = (out for out, _ in outputs)
    assert others == [out, out] and out.startswith("11 ") and "undecodable-image" in out
    waiting = [err.count("another process is inspecting these shards: waiting for it") for _, err in outputs]
    assert sorted(waiting) == [0, 1, 1]


def test_what_is_there_already_needs_no_turn(
    tmp_path: Path, shards: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a cache may be read-only by then, and ranks that start anew do not read it one after the other."""
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "cache"))
    options: dict[str, Any] = {"on_bad": "skip", "max_bad": 0.5, "batch_size": 2}
    with train(shards, **options) as first:
        found = first.findings
    for module in ("records.inspect", "records.decode.dali", "records.dataset"):
        monkeypatch.delattr(f"dali_ssd.{module}.one_at_a_time")
    with train(shards, **options) as second:
        assert second.findings == found


@pytest.mark.slow
def test_the_next_goes_on_where_one_was_killed(tmp_path: Path, shards: tuple[Path, ...]) -> None:
    with started(tmp_path, 2, shards, slow=2) as (first, second):
        first.go()
        wait_for("shard_structure", tmp_path)
        second.go()
        time.sleep(1)
        first.kill()
        _, err = second.end()
    assert "waiting for it" in err
    done = [(what, pid == str(first.process.pid)) for what, pid in notes(tmp_path)]
    assert done[-1] == ("write_index", False) and ("undecodable", False) in done


@pytest.mark.slow
def test_ranks_with_other_shards_do_not_wait(tmp_path: Path, shards: tuple[Path, ...]) -> None:
    with started(tmp_path, 1, shards[:1], slow=2) as (first,), started(tmp_path, 1, shards[1:], slow=0) as (second,):
        first.go()
        wait_for("shard_structure", tmp_path)
        second.go()
        _, err = second.end()
        assert first.process.poll() is None
        first.end()
    assert "waiting for it" not in err


def wait_for(what: str, folder: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while what not in [name for name, _ in notes(folder)]:
        assert time.monotonic() < end
        time.sleep(0.05)
