"""Two processes train what one would, by both engines: the same batches, weights and scores; and they end together."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.synthetic import write_shapes
from tests.support.engines import ENGINES, Run, need_engine
from tests.support.paths import ROOT

pytestmark = pytest.mark.engines

SCRIPT = str(ROOT / "tests" / "support" / "training_ranks.py")
LIMIT_S = 240
SAME = 1e-5

Seen = dict[str, Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard for each rank, with the same records, and one to score on."""
    folder = tmp_path_factory.mktemp("data")
    write_shapes(folder, "train", 80, seed=0)
    write_shapes(folder, "val", 21, seed=1)
    return folder


class Runs:
    """What each rank of a run has seen; each run is made once."""

    def __init__(self, data: Path, folder: Path) -> None:
        self._data, self._folder = data, folder
        self._seen: dict[tuple[str, str], list[Seen]] = {}

    def __call__(self, engine: str, kind: str = "norm") -> list[Seen]:
        if (engine, kind) not in self._seen:
            self._seen[engine, kind] = self._run(engine, kind)
        return self._seen[engine, kind]

    def folder(self, engine: str, kind: str = "norm") -> Path:
        return self._folder / f"{engine}-{kind}"

    def _run(self, engine: str, kind: str) -> list[Seen]:
        folder = self.folder(engine, kind)
        folder.mkdir(exist_ok=True)
        for suffix in (".rec", ".idx"):
            shutil.copy(self._data / f"val{suffix}", folder)
            for rank in range(2):  # a copy each, so that one can go bad
                shutil.copy(self._data / f"train{suffix}", folder / f"train-{rank}{suffix}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        size = 2 if engine in ENGINES else 1
        with ExitStack() as ranks:
            started = [ranks.enter_context(self._start(folder, engine, kind, rank, size, port)) for rank in range(size)]
            for one in started:
                assert one.ended(LIMIT_S) == 0, "\n".join(each.output for each in started)
        return [dict(np.load(folder / f"{engine}-{kind}-{rank}.npz")) for rank in range(size)]

    def _start(self, folder: Path, engine: str, kind: str, rank: int, size: int, port: int) -> Run:
        own = folder / f"rank{rank}"
        own.mkdir()
        world = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
        environ = {name: str(value) for name, value in world.items()} | {"MASTER_ADDR": "127.0.0.1"}
        return Run(own, [sys.executable, SCRIPT, engine, kind, str(folder)], **(environ if size > 1 else {}))


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(data, tmp_path_factory.mktemp("runs"))


def weights(seen: Seen, run: str = "first") -> Seen:
    """The parameters, without the running means, which the first device decides."""
    others = ("running", "moving", "anchor", "seen", "scores")
    names = [name for name in seen if name.startswith(f"{run}/") and not any(word in name for word in others)]
    return {name.partition("/")[2]: seen[name] for name in names}


def distance(first: Seen, second: Seen) -> float:
    assert first.keys() == second.keys() and first
    return max(float(np.abs(first[name] - second[name]).max()) for name in first)


def of(runs: Runs, engine: str, kind: str = "norm") -> list[Seen]:
    """Two processes with one device each, of which rank 1 is ten times as slow in its first steps."""
    need_engine(engine)
    return runs(engine, kind)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["norm", "plain"])
def test_the_same_batches_and_weights_as_in_one_process(runs: Runs, engine: str, kind: str) -> None:
    [one], ranks = runs("one", kind), of(runs, engine, kind)
    steps = one["first/seen"].reshape(-1, 2)
    assert len(steps) == 20
    assert distance(weights(one), weights(one, "start")) > 50 * SAME
    for rank, seen in enumerate(ranks):
        assert seen["first/seen"].tolist() == steps[:, rank].tolist()  # records and pixels, bit by bit
        assert distance(weights(seen), weights(one)) <= SAME
    # Rank 1 began with zeros: all it has, rank 0 has sent.
    assert distance(weights(ranks[0]), weights(ranks[1])) == 0


def test_without_batch_norm_devices_train_what_one_would(runs: Runs) -> None:
    [one], [whole] = runs("one", "plain"), runs("whole", "plain")
    assert whole["first/seen"].tolist() == one["first/seen"].tolist()
    assert distance(weights(whole), weights(one)) <= SAME


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_are_those_of_one_process_exactly(runs: Runs, engine: str) -> None:
    """VOC and COCO numbers over an odd number of images, of which each rank has its part."""
    first, second = of(runs, engine)
    folder = runs.folder("score")
    folder.mkdir(exist_ok=True)
    np.savez(folder / "weights.npz", **{name[6:]: array for name, array in first.items() if name.startswith("first/")})
    [alone] = runs("score")
    runs._seen.pop(("score", "norm"))
    shutil.rmtree(folder)
    assert len(first["first/scores"]) == 4 and first["first/scores"][-2:].min() > 0
    assert first["first/scores"][-2:].tolist() == alone["scores"].tolist()
    assert len(second["first/scores"]) == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_resumed_inside_an_epoch_to_the_bit(runs: Runs, engine: str) -> None:
    for seen in of(runs, engine):
        assert distance(weights(seen, "resumed"), weights(seen)) == 0
        assert seen["resumed/seen"].tolist() == seen["first/seen"][14:].tolist()
        assert seen["resumed/scores"].tolist() == seen["first/scores"][len(seen["first/scores"]) // 2 :].tolist()


def said(seen: Seen, name: str) -> str:
    return str(seen[f"said/{name}"])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_signal_to_one_rank_saves_and_ends_all(runs: Runs, engine: str) -> None:
    first, second = of(runs, engine)
    assert said(first, "signal") == said(second, "signal") == f"exit code {128 + signal.SIGTERM} at step 17"
    assert said(first, "signal files").split()[-1].endswith("_00000017.ckpt")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_that_is_not_finite_on_one_rank_ends_all(runs: Runs, engine: str) -> None:
    """All weights are NaN then: nothing is saved, and the message says to go on from an earlier checkpoint."""
    first, second = of(runs, engine)
    assert re.match(r"TrainingError: the loss is not finite at step 17 .*train-1\.rec", said(second, "poison"))
    assert re.match(r"PeerError: process 1 failed: the loss is not finite at step 17", said(first, "poison"))
    assert said(first, "poison files") == ""


@pytest.mark.parametrize("engine", ENGINES)
def test_a_full_disk_on_rank_0_ends_all(runs: Runs, engine: str) -> None:
    first, second = of(runs, engine)
    assert "cannot write" in said(first, "full") and "File too large" in said(first, "full")
    assert said(second, "full").startswith("PeerError: process 0 failed: cannot write")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_shard_that_goes_bad_on_one_rank_saves_and_ends_all(runs: Runs, engine: str) -> None:
    first, second = of(runs, engine)
    assert re.match(r"(Record|Dataset)Error: .*train-1\.rec", said(second, "damage"))
    assert re.match(r"PeerError: process 1 failed: .*train-1\.rec", said(first, "damage"))
    newest = runs.folder(engine) / said(first, "damage files").split()[-1]
    assert int(newest.stem[-8:]) > 14


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fault", ["signal", "poison", "full"])
def test_all_end_within_seconds(runs: Runs, engine: str, fault: str) -> None:
    """With what they trained before it, on a machine that may have other work."""
    assert all(float(said(seen, f"{fault} seconds")) < 30 for seen in of(runs, engine))
