"""New shards are what training reads, and a run that is interrupted leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from dali_ssd.cli.main import main
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.writer import ShardWriter
from dali_ssd.synthetic import SHAPES, write_shapes
from dali_ssd.util.files import locked
from tests.support.check import snapshot
from tests.support.records import record

NEW = ["--shards", "3", "--shuffle"]


def images(*shards: Path) -> Counter[bytes]:
    return Counter(one.image for one in open_dataset(shards))


def test_loader_reads_the_same_records(tmp_path: Path) -> None:
    pytest.importorskip("nvidia.dali")
    from dali_ssd.loader import TrainLoader

    [shard] = write_shapes(tmp_path / "old", "train", 24, seed=0)
    shard.with_suffix(".idx").unlink()
    new = tmp_path / "new" / "train-*.rec"
    assert main(["reshard", str(shard), "--out", str(new.parent), *NEW]) == 0
    assert (new.parent / "classes.txt").read_text().split() == list(SHAPES)
    assert main(["check", str(new)]) == 0
    with TrainLoader(str(new), targets="boxes", batch_size=8, framework="dlpack") as loader:
        places = [place for batch in loader for place in batch.records()]
    assert len({(place.shard, place.offset) for place in places}) == 24
    assert {place.shard for place in places} == set(new.parent.glob("*.rec"))
    assert images(*sorted(new.parent.glob("*.rec"))) == images(shard)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A shard that takes a while to copy."""
    noise = os.urandom(1 << 18)
    with ShardWriter(tmp_path / "old", "large") as writer:
        for number in range(400):
            writer.write(record(image=number.to_bytes(4, "little") + noise))
    return writer.paths[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_what_was_there(large: Path, tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "new"
    [old] = write_shapes(tmp_path / "first", "large", 2, seed=0)
    assert main(["reshard", str(old), "--out", str(out), "--stem", "large"]) == 0
    before = snapshot(out)
    command = [sys.executable, "-m", "dali_ssd", "reshard", str(large), "--out", str(out), *NEW, "--overwrite"]
    command += ["--classes", "a,b,c,d"]
    # A shell that runs the tests in the background has children ignore SIGINT.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as process:
        while process.poll() is None and not any(path.stat().st_size for path in out.glob(".*.tmp.rec")):
            time.sleep(0.005)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number and "Traceback" not in errors, errors
    assert snapshot(out) == before


def test_two_runs_at_once(large: Path, tmp_path: Path) -> None:
    """One writes, and the other says so and leaves everything to it."""
    out = tmp_path / "new"
    out.mkdir()
    command = [sys.executable, "-m", "dali_ssd", "reshard", str(large), "--out", str(out), *NEW]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.communicate(timeout=120)[1] for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 2], said
    [refused] = [text for run, text in zip(runs, said, strict=True) if run.returncode]
    assert "another process is writing to" in refused or "exists already" in refused
    assert images(*sorted(out.glob("*.rec"))) == images(large)
    assert len(list(out.iterdir())) == 6
    with locked(out):
        pass
